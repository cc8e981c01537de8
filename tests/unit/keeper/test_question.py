from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.keeper_world import World
from tideline.errors import UserError
from tideline.keeper.failures import FailedBatch
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.question import (
    asked_about,
    question_name,
    question_of,
    record_to_quarantine,
    single_record,
    waits,
)
from tideline.registry.rows import StreamRow

ONE = FailedBatch("f", "logs", {2: [(7, 8)]})
MANY = FailedBatch("f", "logs", {0: [(3, 9)], 2: [(7, 8)]})


@pytest.fixture
def row(world: World) -> StreamRow:
    return world.deploy()


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({"state": State.FAILED}, True),
        ({"state": State.CRASH_LOOP}, True),
        ({"state": State.CRASH_LOOP, "probes": 1}, False),
        ({"state": State.FAILED, "requested": 9}, False),
        ({"state": State.FAILED, "desired": Desired.STOPPED}, False),
        ({"state": State.BACKOFF}, False),
        ({"state": State.STABLE}, False),
    ],
)
def test_a_person_is_asked_once_the_stream_does_not_go_on_by_itself(
    row: StreamRow, changes: dict[str, Any], asked: bool
) -> None:
    assert waits(replace(row, **changes)) is asked


def test_the_same_trouble_has_the_same_name(row: StreamRow) -> None:
    row = replace(row, state=State.CRASH_LOOP, epoch=4)
    assert question_name(row) == f"{row.name}-4-crash-loop"
    assert question_name(replace(row, epoch=5)) != question_name(row)


def test_the_question_says_the_reason_and_the_last_lines(row: StreamRow) -> None:
    row = replace(row, state=State.FAILED, epoch=3, reason="DriverLost: exit status 65")
    asked = question_of(row, None, [f"line {n}" for n in range(30)])
    assert asked.subject == f"Start {row.name} again?"
    assert "is FAILED since epoch 3: `DriverLost: exit status 65`" in asked.body
    assert "    line 10\n" in asked.body
    assert "line 9\n" not in asked.body
    assert "uarantine" not in asked.body


def test_a_records_words_are_no_markdown(row: StreamRow) -> None:
    row = replace(row, state=State.FAILED, reason="ValueError: `![x](https://evil.example/x.png)` [Sign in](https://e)")
    body = question_of(row, None, []).body
    assert "`ValueError: '![x](https://evil.example/x.png)' [Sign in](https://e)`" in body


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"epoch": 9, "probes": 2, "reason": "again"}, True),
        ({"requested": 9}, False),
        ({"state": State.FAILED}, False),
    ],
)
def test_probes_leave_a_trouble_what_it_was(row: StreamRow, changes: dict[str, Any], same: bool) -> None:
    row = replace(row, state=State.CRASH_LOOP)
    assert (asked_about(replace(row, **changes)) == asked_about(row)) is same


@pytest.mark.parametrize(("batch", "how"), [(ONE, "it is the only one"), (MANY, "give its partition and offset below")])
def test_of_poison_the_question_names_the_offsets(row: StreamRow, batch: FailedBatch, how: str) -> None:
    body = question_of(replace(row, state=State.FAILED), batch, []).body
    assert "- partition 2, offsets 7 to 7" in body
    assert how in body


@pytest.mark.parametrize(
    ("batch", "partition", "offset", "place"),
    [(ONE, None, None, (2, 7)), (ONE, 1, 5, (1, 5)), (MANY, 0, 4, (0, 4)), (None, 0, 0, (0, 0))],
)
def test_the_record_is_the_one_named_or_the_only_one(
    batch: FailedBatch | None, partition: int | None, offset: int | None, place: tuple[int, int]
) -> None:
    assert record_to_quarantine(batch, partition, offset) == place


@pytest.mark.parametrize(
    ("batch", "partition", "offset"), [(MANY, None, None), (None, None, None), (ONE, 2, None), (ONE, None, 7)]
)
def test_an_answer_that_names_no_record_is_told(
    batch: FailedBatch | None, partition: int | None, offset: int | None
) -> None:
    with pytest.raises(UserError, match="the answer names no record"):
        record_to_quarantine(batch, partition, offset)


def test_only_a_batch_of_one_record_names_it() -> None:
    assert single_record(ONE) == (2, 7)
    assert single_record(MANY) is None
    assert single_record(FailedBatch("f", "logs", {0: [(3, 5)]})) is None
