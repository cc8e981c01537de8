"""The path of a JSON field in a spec: names with dots between them as one text, or a list of any names as they are."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator

LONGEST: Final = 32
"""The names of a path: SQL reads no expression of any depth."""

_DOTTED: Final = re.compile(r"[\w@:-]+(\.[\w@:-]+)*")


def _names(value: object) -> object:
    """The names of a path; ValueError says what one looks like."""
    names = _split(value) if isinstance(value, str) else value
    if not isinstance(names, list | tuple):
        raise ValueError("this is no path of names: write a text, such as customer.shop.name, or a list")
    if not names or "" in names:
        raise ValueError("a field must have a name: an empty one cannot be read")
    if len(names) > LONGEST:
        raise ValueError(f"a path of {len(names)} names is too long: write {LONGEST} at most")
    return names


def _split(text: str) -> list[str]:
    if not _DOTTED.fullmatch(text):
        raise ValueError(
            f"'{text}' is no path of names: write names with dots between, such as customer.shop.name, or where one "
            'holds other characters a list, such as [customer, "odd.name"]'
        )
    return text.split(".")


FieldPath = Annotated[tuple[str, ...], BeforeValidator(_names)]
