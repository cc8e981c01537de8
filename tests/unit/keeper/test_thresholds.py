from __future__ import annotations

import yaml

from support.keeper_world import SPEC
from tideline.keeper.verdict import Thresholds
from tideline.spec.load import validated
from tideline.spec.model import Health

HEALTH = {
    "stable_batches": 4,
    "stable_idle_triggers": 5,
    "hung_after": 61_000,
    "start_within": 121_000,
    "heartbeat_lost_after": 16_000,
    "backlog_from": 1_001,
    "backlog_rise": 11,
    "watermark_stalled_after": 901_000,
    "slow_batch": 5_001,
    "retention_warn": 51,
    "retention_page": 81,
}


def test_each_limit_is_the_specs_where_it_gives_one() -> None:
    assert HEALTH.keys() == Health.model_fields.keys()
    said = yaml.safe_load(SPEC) | {"health": {name: _said(name, value) for name, value in HEALTH.items()}}
    limits = vars(Thresholds.of(validated(said)))
    assert {name: limits.get(name, limits.get(f"{name}_ms")) for name in HEALTH} == HEALTH


def test_each_limit_has_the_same_default_in_a_spec_and_without_one() -> None:
    assert Thresholds.of(validated(yaml.safe_load(SPEC) | {"trigger": "10 seconds"})) == Thresholds()


def test_a_spec_that_takes_longer_to_be_proved_has_longer() -> None:
    longer = Thresholds().prove_within_ms + 4 * 15_000
    assert Thresholds(stable_batches=7).prove_within_ms == longer
    assert Thresholds(stable_idle_triggers=7).prove_within_ms == longer


def _said(name: str, value: int) -> object:
    """As a spec says it: of a time with its unit."""
    return f"{value} ms" if f"{name}_ms" in vars(Thresholds()) else value
