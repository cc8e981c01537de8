"""Real failures as they were recorded in `traces/`: `class` is the one each must have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tideline.keeper.cause_classes import class_of
from tideline.keeper.causes import causes_of
from tideline.keeper.exit_status import classify
from tideline.keeper.failures import FailureClass
from tideline.keeper.verdict import Kind


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


@pytest.mark.parametrize("trace", SIGNALLED)
def test_a_launcher_that_only_knows_of_a_signal_tells_the_same(trace: Trace) -> None:
    assert classify(Kind.DRIVER_LOST, -1, trace.stderr_tail or []) is trace.kind
