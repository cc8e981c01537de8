"""A session that comes up beside what a driver does meanwhile."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession

from tideline_spark.session_start import SessionStart

MADE: Any = object()


def test_what_was_not_begun_is_not_waited_for() -> None:
    start = SessionStart(lambda: pytest.fail("nobody asked for it"))
    start.begin_workers()
    start.wait()


def test_it_is_made_beside_and_waited_for() -> None:
    may_go, done = threading.Event(), list[str]()

    def make() -> SparkSession:
        assert may_go.wait(30)
        done.append(threading.current_thread().name)
        return cast(SparkSession, MADE)

    start = SessionStart(make)
    start.begin()
    assert not done
    may_go.set()
    start.wait()
    assert done == ["session"]


def test_what_it_failed_by_is_raised_where_it_is_waited_for() -> None:
    def make() -> SparkSession:
        raise ConnectionError("no JVM")

    start = SessionStart(make)
    start.begin()
    with pytest.raises(ConnectionError, match="no JVM"):
        start.wait()


def test_its_threads_keep_no_process_alive() -> None:
    never = threading.Event()
    start = SessionStart(lambda: cast(SparkSession, never.wait()))
    start.begin()
    start.begin_workers()
    assert all(each.daemon for each in threading.enumerate() if each.name in ("session", "workers"))
    never.set()
