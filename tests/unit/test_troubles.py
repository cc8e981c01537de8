"""One part's failure is its own: told, tried again later and later, and over when it works."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from tideline.tables.delta import Superseded
from tideline.troubles import LONGEST_RETRY_MS, Trouble, Troubles, must


class Part:
    """Fails while it is broken."""

    def __init__(self) -> None:
        self.broken = True
        self.tries = 0

    def work(self) -> None:
        self.tries += 1
        if self.broken:
            raise OSError("disk gone")


class Clock:
    now = 1_000

    def __call__(self) -> int:
        return self.now


def test_a_part_that_fails_is_tried_again_later_and_later() -> None:
    clock, part = Clock(), Part()
    troubles = Troubles(clock)
    tried: list[int] = []
    for second in range(2_000):
        clock.now = second * 1000
        if troubles.attempt("table a", part.work):
            raise AssertionError("it cannot work")
        if part.tries > len(tried):
            tried.append(second)
    gaps = [after - before for before, after in pairwise(tried)]
    assert gaps[:6] == [5, 10, 20, 40, 80, 160]
    assert set(gaps[6:]) == {LONGEST_RETRY_MS // 1000}


def test_what_fails_is_told_until_it_works() -> None:
    clock, part, other, told = Clock(), Part(), Part(), list[Sequence[Trouble]]()
    troubles = Troubles(clock, told.append)
    assert not troubles.attempt("sink b", part.work)
    clock.now += 1
    assert not troubles.attempt("sink a", other.work)
    assert [(each.part, each.reason, each.since) for each in told[-1]] == [
        ("sink a", "OSError: disk gone", 1_001),
        ("sink b", "OSError: disk gone", 1_000),
    ]
    part.broken = False
    assert not troubles.attempt("sink b", part.work)  # its time has not come
    clock.now += 5_000
    assert troubles.attempt("sink b", part.work)
    assert [each.part for each in told[-1]] == ["sink a"]
    clock.now += 5_000
    assert not troubles.attempt("sink a", other.work)
    assert [(each.since, each.failures) for each in told[-1]] == [(1_001, 2)]
    assert troubles.attempt("sink b", part.work) and len(told) == 4


def test_a_superseded_writer_ends_whole() -> None:
    def work() -> None:
        raise Superseded("a newer one")

    troubles = Troubles(Clock())
    with pytest.raises(Superseded):
        troubles.attempt("table a", work)


def test_to_some_a_part_is_all() -> None:
    part = Part()
    with pytest.raises(OSError, match="disk gone"):
        must("table a", part.work)
    part.broken = False
    assert must("table a", part.work)
