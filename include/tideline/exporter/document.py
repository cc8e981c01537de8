"""The catalogue as docs/metrics.md has it: `python -m tideline.exporter.document` writes it there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tideline.exporter.catalogue import CATALOGUE, KEY_LABEL, Scope, Series
from tideline.home import CHECKOUT

PAGE: Final = CHECKOUT / "docs" / "metrics.md"
_TABLE: Final = "<!-- {scope}: made from the catalogue -->\n{table}<!-- end -->"


def with_tables(text: str) -> str:
    """The page with its tables made anew; between its marks nothing is kept."""
    for scope in Scope:
        made = _TABLE.format(scope=scope, table=table_of(each for each in CATALOGUE if each.scope is scope))
        place = re.escape(_TABLE).replace(r"\{scope\}", scope).replace(r"\{table\}", ".*?")
        text = re.sub(place, lambda _, made=made: made, text, flags=re.DOTALL)  # type: ignore[misc]
    return text


def table_of(catalogue: Iterable[Series]) -> str:
    return "".join(_rows(catalogue))


def _rows(catalogue: Iterable[Series]) -> Iterator[str]:
    yield "| series | kind | labels beside `stream` | what it says |\n|---|---|---|---|\n"
    for series in catalogue:
        own = [f"`{label}`" for label in series.labels if label != "stream"]
        labels = ", ".join([*own, *([f"`{KEY_LABEL}...`"] if series.keyed else [])])
        yield f"| `{series.name}` | {series.kind} | {labels} | {series.help} |\n"


def main(page: Path = PAGE) -> None:
    page.write_text(with_tables(page.read_text()))


if __name__ == "__main__":
    main()
