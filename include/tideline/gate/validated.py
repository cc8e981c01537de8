"""The validations that Great Expectations has kept of a stream: what was looked at, when, and whether it held."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tideline.gate.suites import DOCS

_KEPT: Final = DOCS.parents[1] / "validations"
_PAGES: Final = DOCS / "validations"


@dataclass(frozen=True)
class Validated:
    """One validation: its suite, the run it was made in, its time as ISO has it, how many rules there were and failed,
    and its page, a path within the Data Docs; None where none was built."""

    suite: str
    run: str
    at: str
    rules: int
    failed: int
    page: str | None


def newest_validations(folder: Path, limit: int) -> list[Validated]:
    """The newest of those in the folder of `tideline.gate.suites.validate`, newest first; what cannot be read is left
    out."""
    kept = folder / _KEPT
    files = sorted(kept.rglob("*.json"), key=lambda file: (file.parent.name, file.name), reverse=True)
    found = (_read(folder, kept, file) for file in files[:limit])
    return [each for each in found if each is not None]


def _read(folder: Path, kept: Path, file: Path) -> Validated | None:
    try:
        said = json.loads(file.read_text())
        run, statistics = said["meta"]["run_id"], said["statistics"]
        page = file.relative_to(kept).with_suffix(".html")
        return Validated(
            suite=str(said["suite_name"]),
            run=str(run["run_name"]),
            at=str(run["run_time"]),
            rules=int(statistics["evaluated_expectations"]),
            failed=int(statistics["unsuccessful_expectations"]),
            page=f"validations/{page.as_posix()}" if (folder / _PAGES / page).is_file() else None,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
