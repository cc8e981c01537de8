"""Real failures as they were recorded in `traces/`: `class` is the one each must have."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tideline.keeper.cause_classes import class_of
from tideline.keeper.causes import causes_of
from tideline.keeper.exit_status import classify
from tideline.keeper.failures import FailureClass
from tideline.keeper.last_words import last_lines
from tideline.keeper.verdict import Kind
from tideline.logs.shown import told_lines

LOG4J: Final = re.compile(r"\d\d/\d\d/\d\d [\d:]{8} (\w+) ([^:]+): (.*)")
SPOKEN_BY_THE_JVM: Final = ("Terminating due to", "Aborting due to", "#", "Traceback")
"""Written past log4j, between its lines."""


@dataclass(frozen=True)
class Trace:
    """A recorded failure: of an exception its `trace`, of a whole driver its exit status and the end of its log."""

    name: str
    made_by: str
    kind: FailureClass
    trace: list[str] | None
    exit_status: int | None
    stderr_tail: list[str] | None


def read_trace(path: Path) -> Trace:
    said = json.loads(path.read_text())
    told = (said[key] for key in ("trace", "exit_status", "stderr_tail"))
    return Trace(path.stem, said["made_by"], FailureClass(said["class"]), *told)


TRACES = [read_trace(path) for path in sorted((Path(__file__).parent / "traces").glob("*.json"))]
RAISED = [pytest.param(each, id=each.name) for each in TRACES if each.trace is not None]
ENDED = [pytest.param(each, id=each.name) for each in TRACES if each.exit_status is not None]
SIGNALLED = [pytest.param(each, id=each.name) for each in TRACES if each.exit_status and not 0 < each.exit_status < 128]


def test_every_class_that_an_end_can_have_was_recorded() -> None:
    judged_by_history = {FailureClass.HUNG, FailureClass.POISON}
    assert {trace.kind for trace in TRACES} == set(FailureClass) - judged_by_history


@pytest.mark.parametrize("trace", RAISED)
def test_an_exception_has_the_class_of_its_innermost_cause(trace: Trace) -> None:
    assert (class_of(causes_of(trace.trace or [])) or FailureClass.TRANSIENT) is trace.kind


@pytest.mark.parametrize("trace", ENDED)
def test_an_end_has_the_class_of_its_status_or_its_log(trace: Trace) -> None:
    assert classify(Kind.DRIVER_LOST, trace.exit_status, trace.stderr_tail or []) is trace.kind


@pytest.mark.parametrize("is_trace", [False, True], ids=["message", "trace"])
@pytest.mark.parametrize("trace", ENDED)
def test_an_end_has_the_same_class_where_the_log_is_json(trace: Trace, is_trace: bool, tmp_path: Path) -> None:
    """What Spark's log4j wrote in many lines is one of JSON now; what it did not write stays as it was."""
    log = tmp_path / "driver.log"
    log.write_text("".join(f"{line}\n" for line in as_json(trace.stderr_tail or [], is_trace)))
    said = last_lines(log, 400, told_lines)
    assert classify(Kind.DRIVER_LOST, trace.exit_status, said) is trace.kind


def as_json(lines: list[str], is_trace: bool) -> list[str]:
    """The log as JSON: the lines that belong to one are in its message, or in its exception's trace."""
    found: list[dict[str, Any] | str] = []
    for line in lines:
        begin = LOG4J.fullmatch(line)
        if begin:
            said = {"ts": "2026-01-31T10:00:00.000Z", "level": begin[1], "logger": begin[2], "message": begin[3]}
            found.append(said | {"stream": "orders", "generation": 1, "epoch": 2})
        elif found and isinstance(last := found[-1], dict) and not line.startswith(SPOKEN_BY_THE_JVM):
            _add(last, line, is_trace)
        else:
            found.append(line)
    return [each if isinstance(each, str) else json.dumps(each) for each in found]


def _add(said: dict[str, Any], line: str, is_trace: bool) -> None:
    if not is_trace:
        said["message"] += f"\n{line}"
    elif "exception" in said:
        said["exception"]["trace"] += f"\n{line}"
    else:
        said["exception"] = {"class": "an.Exception", "trace": line}


@pytest.mark.parametrize("trace", SIGNALLED)
def test_a_launcher_that_only_knows_of_a_signal_tells_the_same(trace: Trace) -> None:
    assert classify(Kind.DRIVER_LOST, -1, trace.stderr_tail or []) is trace.kind
