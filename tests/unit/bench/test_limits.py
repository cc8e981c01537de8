"""When a bench says that what is promised holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tideline.bench.fleet import FleetCost
from tideline.bench.recovery import Recovery

RECOVERED = Recovery(
    kills=20,
    watcher=True,
    detect_p95_s=5.0,
    detect_max_s=9.0,
    first_commit_p95_s=40.0,
    first_commit_max_s=60.0,
    lost=0,
    doubled=0,
    differences=0,
)


@pytest.mark.parametrize(
    ("changed", "holds"),
    [
        ({}, True),
        ({"detect_p95_s": 5.1}, False),
        ({"detect_p95_s": 75.0, "watcher": False}, True),
        ({"detect_p95_s": 75.1, "watcher": False}, False),
        ({"first_commit_p95_s": 40.1}, False),
        ({"first_commit_p95_s": 110.0, "watcher": False}, True),
        ({"first_commit_p95_s": 110.1, "watcher": False}, False),
        ({"lost": 1}, False),
        ({"doubled": 1}, False),
        ({"differences": 1}, False),
    ],
)
def test_a_recovery_is_fast_and_loses_nothing(changed: dict[str, Any], holds: bool) -> None:
    assert replace(RECOVERED, **changed).holds is holds


def test_a_script_finds_the_keys_of_a_recovery() -> None:
    assert {"kills", "detect_p95_s", "first_commit_p95_s", "lost", "doubled"} <= RECOVERED.as_dict().keys()


@pytest.mark.parametrize(
    ("cost", "holds"),
    [
        (FleetCost(100, tick_s=9.99, dags_parse_s=1.99, not_stable=0), True),
        (FleetCost(100, tick_s=10.0, dags_parse_s=1.0, not_stable=0), False),
        (FleetCost(100, tick_s=1.0, dags_parse_s=2.0, not_stable=0), False),
        (FleetCost(100, tick_s=1.0, dags_parse_s=1.0, not_stable=1), False),
        (FleetCost(300, tick_s=29.0, dags_parse_s=5.0, not_stable=0), True),
        (FleetCost(3, tick_s=9.0, dags_parse_s=1.9, not_stable=0), True),
    ],
)
def test_a_fleet_is_looked_at_in_time(cost: FleetCost, holds: bool) -> None:
    assert cost.holds is holds
