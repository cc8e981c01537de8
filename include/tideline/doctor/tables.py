"""Tables that cannot be opened, or whose files are gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tideline.doctor.finding import Finding

WHAT: Final = "tables"
_FIX: Final = "put its files back from a copy, then run `tideline verify"


def look_at_tables(root: Path) -> dict[Path, str]:
    """What is wrong with each table under `root`; empty for one that is well."""
    return {table: _problem(table) for table in sorted(root.glob("*/"))}


def _problem(table: Path) -> str:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    if not (table / "_delta_log").is_dir():
        return "it has files and no log, _delta_log" if any(table.rglob("*.parquet")) else ""
    try:
        opened = DeltaTable(str(table))
        gone = _gone(opened.file_uris()) and _gone(DeltaTable(str(table)).file_uris())  # a driver may have merged them
    except (DeltaError, OSError, ValueError) as error:
        return f"it cannot be opened: {next(iter(str(error).splitlines()), '')[:300]}"
    return f"{len(gone)} of its files are gone, such as {Path(gone[0]).name}" if gone else ""


def _gone(files: list[str]) -> list[str]:
    return [file for file in files if not Path(file).exists()]


def judge_tables(stream: str, seen: Mapping[Path, str]) -> Iterator[Finding]:
    for table, problem in seen.items():
        if problem:
            yield Finding(WHAT, f"{stream}, {table}", problem, f"{_FIX} {stream}`")
