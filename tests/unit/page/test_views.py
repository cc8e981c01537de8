"""A stream's page: its states in a bar, the evidence of its last change, its specs, its series, its buttons."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from support.keeper_world import Clock, sqlite_registry
from tideline.errors import UserError
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.samples import Sample
from tideline.keeper.verdict import Thresholds
from tideline.page.acts import ACTS, buttons
from tideline.page.asked import window_start_us
from tideline.page.evidence import last_verdict, limits_of, lines_of
from tideline.page.samples import series_of
from tideline.page.spec_history import SHOWN, newest_specs, spec_history
from tideline.page.timeline import SPAN_MS, WIDTH, Timeline, timeline
from tideline.page.tones import Tone
from tideline.registry.requests import Request
from tideline.registry.rows import SpecRow, TransitionRow

NOW = 1_700_000_000_000
HOUR = 3_600_000


def step(at: int, to: State, evidence: dict[str, Any] | None = None) -> TransitionRow:
    return TransitionRow(at, "orders", State.STOPPED, to, "why", evidence or {}, "ann", 1, 1, None, at)


def test_the_bar_is_the_last_day_without_gaps() -> None:
    steps = [
        step(NOW - HOUR, State.DEGRADED),
        step(NOW - 12 * HOUR, State.STABLE),
        step(NOW - 48 * HOUR, State.STOPPED),
    ]
    found = timeline(steps, NOW).stretches
    assert [each.state for each in found] == [State.STOPPED, State.STABLE, State.DEGRADED]
    assert (found[0].start, found[-1].end) == (NOW - SPAN_MS, NOW)
    assert all(before.end == after.start for before, after in pairwise(found))
    assert found[-1].x + found[-1].width == pytest.approx(WIDTH, abs=2)


def test_a_state_of_a_moment_can_still_be_seen() -> None:
    found = timeline([step(NOW - HOUR, State.STABLE), step(NOW - HOUR - 1, State.FENCING)], NOW)
    assert min(each.width for each in found.stretches) >= 2


def test_drivers_lost_are_marked_though_their_states_were_over_at_once() -> None:
    lost = [NOW - 3 * HOUR, NOW - HOUR]
    steps = [step(NOW - 4 * HOUR, State.STABLE)]
    for losses, at in enumerate(lost, 1):
        told = {"losses": losses}
        steps += [step(at, State.UNHEALTHY, told), step(at, State.FENCING, told), step(at + 1, State.STARTING, told)]
    found = timeline([*reversed(steps)], NOW)
    assert [mark.at for mark in found.losses] == lost
    starting = [each.tone for each in found.stretches if each.state is State.STARTING]
    assert starting == [Tone.WARN, Tone.BAD]


def test_a_transition_of_before_losses_were_counted_has_none() -> None:
    assert timeline([step(NOW - 1, State.STARTING)], NOW).stretches[-1].tone is Tone.BUSY


def test_a_stream_without_transitions_has_no_bar() -> None:
    assert timeline([], NOW) == Timeline()


EVIDENCE: dict[str, Any] = {
    "verdict": "Hung",
    "why": "no progress for 90 s with a backlog of 7",
    "thresholds": {"stable_batches": 3, "hung_after_ms": 60_000, "of_a_later_version": 1},
    "seen_at": NOW,
    "epoch": 2,
    "launcher": {"phase": "RUNNING", "exit_status": None},
    "heartbeat": {"epoch": 2, "at": NOW - 20_000, "idle_triggers": 0, "batch_ms": 900},
    "checkpoint": {"watermark": NOW - HOUR},
    "submitted_at": NOW - HOUR,
    "progress_at": NOW - 90_000,
    "batches": 4,
    "backlog": 7,
    "unread": {"share": 0.6, "reason": "old"},
}


def lines(**changed: Any) -> dict[str, tuple[str, bool]]:
    found = lines_of(EVIDENCE | changed, limits_of(EVIDENCE["thresholds"]), NOW)
    return {line.what: (line.seen, line.is_over) for line in found}


def test_the_evidence_stands_beside_its_limits() -> None:
    assert lines() == {
        "Launcher": ("running", False),
        "Batches since the submit": ("4", False),
        "Triggers without anything to do": ("0", False),
        "Since the submit": ("1 h", False),
        "Since it last moved": ("1 min 30 s", True),
        "Since the last heartbeat": ("20 s", True),
        "Backlog": ("7 offsets", False),
        "Last batch": ("0.9 s", False),
        "Watermark": ("2023-11-14T21:13:20Z", False),
        "Of Kafka's retention, gone before it was read": ("60%", True),
    }


@pytest.mark.parametrize(
    ("changed", "what", "seen"),
    [
        ({"launcher": None}, "Launcher", ("cannot be asked", False)),
        ({"launcher": {"phase": "EXITED", "exit_status": -1}}, "Launcher", ("exited, killed by a signal", True)),
        ({"heartbeat": None}, "Since the last heartbeat", ("never", False)),
        ({"heartbeat": {"epoch": 1, "at": NOW}}, "Since the last heartbeat", ("never", False)),
        ({"backlog": None}, "Backlog", ("cannot be read", False)),
        ({"backlog": 0}, "Since it last moved", ("1 min 30 s", False)),
        ({"longest_batch_ms": 46_000}, "Since it last moved", ("1 min 30 s", False)),
        ({"longest_batch_ms": 44_000}, "Since it last moved", ("1 min 30 s", True)),
        ({"unread": None}, "Of Kafka's retention, gone before it was read", ("0%", False)),
    ],
)
def test_a_witness_that_is_missing_is_told(changed: dict[str, Any], what: str, seen: tuple[str, bool]) -> None:
    assert lines(**changed)[what] == seen


def test_the_last_verdict_is_that_of_the_newest_look() -> None:
    steps = [step(NOW + 1, State.FENCING), step(NOW, State.UNHEALTHY, EVIDENCE), step(1, State.STABLE, EVIDENCE)]
    found = last_verdict(steps)
    assert found is not None
    assert (found.kind, found.why, found.at) == ("Hung", EVIDENCE["why"], NOW)
    assert last_verdict(steps[:1]) is None


def test_limits_that_were_not_recorded_are_the_defaults() -> None:
    assert limits_of({"slow_batch_ms": 1}) == replace(Thresholds(), slow_batch_ms=1)


def test_each_spec_is_told_by_what_it_changed() -> None:
    rows = [
        SpecRow("orders", 2, "a: 1\nb: 3\n", "bob", NOW, None, "Hung"),
        SpecRow("orders", 1, "a: 1\n", "ann", 1, 2, None),
    ]
    newest, first = spec_history(rows)
    assert [(line.kind, line.text) for line in newest.diff or ()][-2:] == [("same", " a: 1"), ("added", "+b: 3")]
    assert (newest.refused, first.stable_at, first.diff) == ("Hung", 2, None)


def test_the_oldest_spec_that_is_shown_is_compared_with_the_one_before_it() -> None:
    registry = sqlite_registry(Clock())
    for number in range(SHOWN + 2):
        registry.request(Request("orders", Desired.RUNNING, "ann", f"a: {number}\n", str(number)))
    steps = newest_specs(registry, "orders")
    assert [step.number for step in steps] == list(range(SHOWN + 2, 2, -1))
    assert [line.text for line in steps[-1].diff or ()][1:] == ["-a: 1", "+a: 2"]


def sample(at: int, read: int) -> Sample:
    return Sample(at, 1, 5, read, at - 2_000, 1, 1_500, 3)


def test_series_have_a_value_a_time() -> None:
    found = series_of([sample(NOW, 0), sample(NOW + 30_000, 600)])
    assert found["at"] == [NOW, NOW + 30_000]
    assert (found["rate"], found["batch"], found["delay"]) == ([None, 20.0], [1.5, 1.5], [2.0, 2.0])


def test_a_day_of_samples_is_thinned_and_keeps_the_newest() -> None:
    found = series_of([sample(NOW + number, number) for number in range(2_880)])
    assert len(found["at"]) <= 720
    assert found["at"][-1] == NOW + 2_879


ALL = frozenset(act.dag_id for act in ACTS)


def test_who_may_not_trigger_cannot_press() -> None:
    assert all(button.refusal.startswith("you may not") for button in buttons(Desired.RUNNING, frozenset()))


@pytest.mark.parametrize(
    ("desired", "pressable"),
    [
        (Desired.RUNNING, {"Deploy", "Stop", "Suspend", "Restart", "Roll back", "Reconcile"}),
        (Desired.SUSPENDED, {"Deploy", "Stop", "Resume", "Roll back", "Reconcile"}),
        (Desired.STOPPED, {"Deploy", "Roll back", "Reconcile"}),
    ],
)
def test_what_makes_sense_can_be_pressed(desired: Desired, pressable: set[str]) -> None:
    assert {button.act.label for button in buttons(desired, ALL) if not button.refusal} == pressable


def test_what_takes_a_stream_down_asks_first() -> None:
    assert {act.label for act in ACTS if act.asks} == {"Stop", "Suspend", "Roll back"}


def test_a_job_has_nothing_to_reconcile() -> None:
    assert "Reconcile" not in {button.act.label for button in buttons(Desired.RUNNING, ALL, has_books=False)}


@pytest.mark.parametrize(
    "text", ["2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00", " 1700000000000 ", "2023-11-14T22:13:20"]
)
def test_a_window_is_asked_for_by_its_start(text: str) -> None:
    assert window_start_us(text) == NOW * 1000


@pytest.mark.parametrize("text", ["", "yesterday", "9" * 20])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(UserError, match=r"is not a time|lies outside"):
        window_start_us(text)
