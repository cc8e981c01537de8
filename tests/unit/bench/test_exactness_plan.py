"""Plans of the exactness bench: what a seed means."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from tideline.bench.exactness_plan import Act, Plan, Step, make_plan
from tideline.bench.player import records
from tideline.engine.cells import Engine
from tideline.spec.load import parse_spec

PLANS = [make_plan(seed) for seed in range(40)]


def steps(plans: list[Plan]) -> list[Step]:
    return [step for plan in plans for step in plan.steps]


def parsed(plan: Plan) -> Engine:
    engine = Engine(plan.spec)
    engine.load(records([record.value for record in plan.records]))
    return engine


def test_a_seed_means_the_same_plan_every_time() -> None:
    assert make_plan(7) == make_plan(7)


def test_a_seed_means_the_same_plan_everywhere() -> None:
    told = [(step.records, step.act.value, step.pause_s) for step in make_plan(7).steps]
    assert hashlib.sha256(repr(told).encode()).hexdigest()[:16] == "1093a82a70e5edfe"


@pytest.mark.parametrize("plan", PLANS[:20], ids=lambda plan: str(plan.seed))
def test_every_spec_may_be_deployed(plan: Plan) -> None:
    for spec in [plan.spec, *(step.spec for step in plan.steps if step.spec)]:
        assert parse_spec(spec.model_dump_json(exclude_none=True), "spec.yaml") == spec


def test_every_act_happens() -> None:
    assert {step.act for step in steps(PLANS)} == set(Act)


def test_a_kill_comes_in_about_every_third_plan() -> None:
    kills = [sum(step.act in (Act.KILL, Act.KILL_AND_LOSE) for step in plan.steps) for plan in PLANS]
    assert max(kills) == 1
    assert len(PLANS) / 5 < sum(kills) < len(PLANS) / 2


def test_records_lie_in_the_partitions_there_are() -> None:
    used = [{record.partition for record in plan.records} for plan in PLANS]
    assert used == [set(range(plan.spec.source.partitions)) for plan in PLANS]
    assert {len(partitions) for partitions in used} == {1, 2, 3, 4}


def test_streams_hold_late_events_of_every_magnitude() -> None:
    late: Counter[int] = Counter()
    for plan in PLANS[:10]:
        newest = 0
        for row in parsed(plan).parsed().sort_by("_offset").to_pylist():
            if row["_reason"] is None:
                newest = max(newest, row["_t"])
                late[len(str((newest - row["_t"]) // 1_000_000))] += 1
    assert all(late[digits] > 20 for digits in range(1, 7))


def test_streams_hold_records_that_are_rejected() -> None:
    reasons = {row["reason"] for plan in PLANS[:10] for row in parsed(plan).rejects().to_pylist()}
    assert {"malformed_json", "null_value", "bad_timestamp"} < reasons
