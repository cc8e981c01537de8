"""A stream that fails again and again: it stops and waits for a person, and a stable run gives its budget back."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.platform import Platform
from support.questions import Question
from support.records import CHECKOUT
from tideline.airflow_api import AirflowApi
from tideline.demo.watch import wait_for
from tideline.keeper.asking import ask_to_end
from tideline.keeper.lifecycle import Desired, State
from tideline.registry.requests import Request
from tideline.registry.store import Registry
from tideline.spec.job import JobSpec

pytestmark = pytest.mark.slow

STREAM = "flapping"
JOB = (Path(__file__).parents[1] / "jobs" / "flapping.py").relative_to(CHECKOUT)
FAILURES = 4
"""So many in ten minutes end in a crash loop."""


def test_a_stable_run_gives_the_budget_back_and_a_crash_loop_waits_for_a_person(
    whole: Platform, tmp_path: Path
) -> None:
    fails = tmp_path / "fails"
    fails.touch()
    arguments = {"fails_while": str(fails)}
    spec = JobSpec(name=STREAM, entrypoint=str(JOB), arguments=arguments, trigger=1_000)
    registry = Registry.connect(whole.settings.registry_url)

    def failures() -> int:
        return len(registry.transitions(STREAM, to=State.UNHEALTHY))

    def reaches(state: State) -> None:
        wait_for(f"{STREAM} {state}", lambda: registry.stream(STREAM).state is state or None, 300)

    try:
        text = spec.model_dump_json(exclude_none=True)
        registry.request(Request(STREAM, Desired.RUNNING, "ann", text, spec.fingerprint()))
        wait_for("all failures but one", lambda: failures() == FAILURES - 1 or None, 180)
        fails.unlink()
        reaches(State.STABLE)

        fails.touch()
        reaches(State.CRASH_LOOP)
        assert failures() == FAILURES - 1 + 1 + FAILURES, [
            (move.to_state, move.reason) for move in registry.transitions(STREAM)
        ]
        row = registry.stream(STREAM)
        asked = Question(
            AirflowApi(whole.settings, whole.home), "answer_trouble", f"{STREAM}-{row.epoch}-crash-loop", "answer"
        ).asked()
        assert asked["subject"] == f"Start {STREAM} again?"
        assert registry.stream(STREAM) == row
    finally:
        ask_to_end(registry, STREAM, "ann", Desired.STOPPED)
        registry.close()
