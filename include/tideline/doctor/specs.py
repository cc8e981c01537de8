"""The specs of the spec folder: whether each can be deployed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tideline.doctor.finding import Finding, Severity
from tideline.errors import UserError
from tideline.spec.load import SpecError, load_any_spec, misnamed_specs, spec_names

WHAT: Final = "specs"


def spec_files(folder: Path) -> list[Path]:
    """UserError where there is no such folder."""
    if not folder.is_dir():
        raise UserError("there is no such folder", "make it, or set TIDELINE_STREAMS to the folder of your specs")
    return [folder / f"{name}.yaml" for name in spec_names(folder)]


def look_at_spec(file: Path) -> UserError | None:
    """What is wrong with it."""
    try:
        load_any_spec(file)
    except UserError as error:
        return error
    return None


def judge_spec(file: Path, error: UserError | None) -> Iterator[Finding]:
    if isinstance(error, SpecError):
        first, others = error.problems[0], len(error.problems) - 1
        more = f", and {others} more" if others else ""
        fix = first.hint or "mend the line"
        problem = f"line {first.line}, column {first.column}: {first.message}{more}"
        yield Finding(WHAT, str(file), problem, f"{fix}; `tideline validate {file.stem}` shows the place")
    elif error is not None:
        yield Finding(WHAT, str(file), error.message, error.fix)


def judge_names(folder: Path) -> Iterator[Finding]:
    for file in misnamed_specs(folder):
        fix = "call it NAME.yaml: a-z, then a-z, 0-9, - and _"
        yield Finding(WHAT, str(file), "it is no spec by its name, and left out", fix, Severity.WARNING)
