from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import pytest

from tideline.logs.context import About, about, carried, current, mirror_to


def test_blocks_add_to_what_is_known_and_take_it_back() -> None:
    with about(stream="orders"):
        with about(generation=1, batch=5):
            assert current() == About("orders", 1, None, 5)
        assert current() == About("orders")
    assert current() == About()


def test_a_block_that_fails_takes_it_back() -> None:
    with pytest.raises(ValueError, match="no"), about(batch=1):
        raise ValueError("no")
    assert current() == About()


def test_a_thread_of_a_pool_is_about_nothing_unless_it_is_carried() -> None:
    with about(batch=5), ThreadPoolExecutor(1) as pool:
        assert pool.submit(current).result() == About()
        assert list(pool.map(carried(lambda _: current().batch), range(2))) == [5, 5]


def test_threads_that_run_at_once_have_their_own() -> None:
    together = Barrier(4, timeout=10)

    def work(number: int) -> tuple[int | None, int | None]:
        before = current().batch
        with about(batch=number):
            together.wait()
            return before, current().batch

    with about(batch=5), ThreadPoolExecutor(4) as pool:
        assert list(pool.map(carried(work), range(4))) == [(5, number) for number in range(4)]
        assert current().batch == 5


def test_another_logging_is_told_the_same() -> None:
    told: list[dict[str, Any]] = []

    @contextmanager
    def bound(**known: Any) -> Iterator[None]:
        told.append(known)
        yield

    mirror_to(bound)
    mirror_to(bound)
    with about(stream="orders", batch=1):
        pass
    assert told == [{"stream": "orders", "batch": 1}]
