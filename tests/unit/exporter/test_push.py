"""Pushing to a gateway: a small HTTP server stands in its place, and keeps what it is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.gateway import Gateway
from tideline.exporter.driver_metrics import DriverMetrics
from tideline.exporter.driver_seen import DriverSeen
from tideline.exporter.push import Pusher

GROUP = "/metrics/job/spark_streaming/stream/orders"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


def pusher(url: str, period_s: float = 3600) -> Pusher:
    return Pusher(url, "orders", DriverMetrics(DriverSeen("orders", "x", 4, 1, 0), lambda: 0), period_s)


def test_a_group_is_replaced_again_and_again(gateway: Gateway) -> None:
    pushing = pusher(gateway.url, period_s=0.05)
    pushing.start()
    for _ in range(2):
        method, path, body = gateway.next()
        assert (method, path) == ("PUT", GROUP)
        assert 'tideline_driver_epoch{stream="orders"} 4.0' in body
    pushing.stop(forget=False)


@pytest.mark.parametrize(("forget", "last"), [(True, "DELETE"), (False, "PUT")])
def test_a_driver_that_stops_as_asked_takes_its_group_with_it(gateway: Gateway, forget: bool, last: str) -> None:
    pushing = pusher(gateway.url)
    pushing.start()
    first = gateway.next()
    pushing.stop(forget=forget)
    assert [first, *gateway.all()][-1][:2] == (last, GROUP)


def test_a_gateway_that_refuses_is_told_of_once_and_tried_again(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    pushing = pusher(gateway.url)
    gateway.status = 500
    assert (pushing.push(), pushing.push()) == (False, False)
    assert len([record for record in caplog.records if "cannot be told" in record.message]) == 1
    gateway.status = 200
    assert pushing.push()


def test_a_gateway_that_is_not_there_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    pushing = pusher("http://127.0.0.1:9")
    pushing.start()
    pushing.stop(forget=True)
    assert "keeps the last metrics" in caplog.text
