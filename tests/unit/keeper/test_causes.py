from __future__ import annotations

import pytest

from tideline.keeper.cause_classes import class_of
from tideline.keeper.causes import Cause, causes_of
from tideline.keeper.failures import FailureClass

FRAME = "\tat org.apache.spark.sql.execution.streaming.state.StateStoreRDD.compute(StateStoreRDD.scala:129)"


def test_the_innermost_cause_is_the_last_of_a_java_chain() -> None:
    told = ["a.Outer: it failed", FRAME, "Caused by: b.Middle: [SOME_CONDITION.SUB] so", FRAME, "Caused by: c.Inner: x"]
    assert causes_of(told) == [
        Cause("a.Outer", None, "it failed"),
        Cause("b.Middle", "SOME_CONDITION.SUB", "[SOME_CONDITION.SUB] so"),
        Cause("c.Inner", None, "x"),
    ]


def test_what_python_raised_from_another_is_the_outer_one() -> None:
    told = ["KeyError: 'id'", "", "The above exception was the direct cause of the following exception:", ""]
    told += ["Traceback (most recent call last):", "tideline.errors.UserError: no such argument"]
    assert [cause.name for cause in causes_of(told)] == ["tideline.errors.UserError", "KeyError"]


@pytest.mark.parametrize(
    "line",
    [FRAME, "it said NameError: x", '  File "job.py", line 1, in NameError', "Streaming Query: x", "[INFO] it goes on"],
)
def test_words_within_a_line_are_no_cause(line: str) -> None:
    assert causes_of([line]) == []


def test_an_unknown_cause_takes_the_class_of_what_it_caused() -> None:
    told = ["a.Failed: [CANNOT_LOAD_STATE_STORE.UNCATEGORIZED] it failed", "Caused by: java.io.EOFException"]
    assert class_of(causes_of(told)) is FailureClass.STATE


def test_a_known_cause_goes_before_what_it_caused() -> None:
    told = ["a.Failed: [CANNOT_LOAD_STATE_STORE.UNCATEGORIZED] it failed"]
    told += ["Caused by: java.io.IOException: No space left on device"]
    assert class_of(causes_of(told)) is FailureClass.INFRASTRUCTURE


@pytest.mark.parametrize(
    "name",
    [
        "OSError",
        "FileNotFoundError",
        "deltalake.exceptions.CommitFailedError",
        "java.io.EOFException",
        "org.apache.hadoop.ipc.RemoteException",
    ],
)
def test_what_fails_outside_is_never_a_records_doing(name: str) -> None:
    assert class_of([Cause(name, None, "it failed")]) is FailureClass.TRANSIENT


@pytest.mark.parametrize("name", ["ValueError", "org.apache.spark.SparkArithmeticException"])
def test_what_a_record_may_have_caused_has_no_class_of_its_own(name: str) -> None:
    assert class_of([Cause(name, None, "it failed")]) is None


def test_another_query_on_the_checkpoint_is_no_damage() -> None:
    told = [
        "org.apache.spark.SparkConcurrentModificationException: Multiple streaming queries are concurrently using g1."
    ]
    told += ["Caused by: org.apache.hadoop.fs.FileAlreadyExistsException: Rename destination .0.crc already exists."]
    assert class_of(causes_of(told)) is FailureClass.TRANSIENT


def test_a_worker_that_crashed_may_be_a_records_doing() -> None:
    told = ["org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)"]
    assert class_of(causes_of([*told, "Caused by: java.io.EOFException"])) is None


def test_a_condition_quoted_from_a_record_is_none() -> None:
    (cause,) = causes_of(["a.Failed: [CAST_INVALID_INPUT] The value '[KAFKA_DATA_LOSS] x' is none"])
    assert cause.condition == "CAST_INVALID_INPUT"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Task 3 in stage 77.0 failed", "Task 0 in stage 5.0 failed", True),
        ("query 767c64c7-eb5d-4c90-a41d-e417deab419e ended", "query 14c298e1-8b76-4133-b3a6-8f48c71f9135 ended", True),
        ("object at 0x7f00aa", "object at 0x7f11bb", True),
        ("invalid literal: 'one'", "invalid literal: 'two'", False),
    ],
)
def test_a_fingerprint_passes_over_numbers_and_ids(one: str, other: str, same: bool) -> None:
    prints = [Cause("ValueError", None, message).fingerprint() for message in (one, other)]
    assert (prints[0] == prints[1]) is same


def test_a_fingerprint_tells_exceptions_apart() -> None:
    assert Cause("ValueError", None, "x").fingerprint() != Cause("KeyError", None, "x").fingerprint()
