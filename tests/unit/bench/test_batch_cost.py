from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from support.records import log_metrics
from tideline.bench.batch_cost import BatchCost, Plan, Size, cost_of, measure_batch_cost
from tideline.tables.books import read_ledger
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables

SMALL = Plan(Size(timedelta(hours=1), 2), Size(timedelta(hours=26), 70), rounds=2, warm_up=1, keys=3)
OPEN_MINUTES = 5


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[BatchCost, Path]:
    root = tmp_path_factory.mktemp("bench")
    ticks = iter(range(1000))
    return measure_batch_cost(root, log_metrics(), SMALL, clock=lambda: next(ticks) ** 2 / 1000), root


def test_the_cost_is_the_median_of_each_sides_batches_and_of_their_ratios(measured: tuple[BatchCost, Path]) -> None:
    """The clock's steps grow: 1, 5, 9, ... ms; after one batch each, the large side is first, then the small one."""
    cost = measured[0]
    assert cost == BatchCost(hour_ms=(9 + 21) / 2, month_ms=(13 + 17) / 2, ratio=round((13 / 9 + 17 / 21) / 2, 3))
    assert set(json.loads(json.dumps(cost.as_dict()))) == {"hour_ms", "month_ms", "ratio"}


def test_load_that_comes_and_goes_leaves_the_ratio() -> None:
    """The large side costs 1.2 times the small one under the same load; three rounds are hit on one side alone."""
    small = [100.0, 100.0, 100.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]
    large = [12.0 * load for load in range(1, 10)]
    assert cost_of(small, large) == BatchCost(hour_ms=80, month_ms=60, ratio=1.2)


def test_the_bench_takes_the_projects_spec_wherever_the_users_specs_are(tmp_path: Path) -> None:
    asked = "from tideline.bench.batch_cost import bench_spec; print(bench_spec().name)"
    env = {**os.environ, "TIDELINE_STREAMS": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", asked], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "log-metrics", done.stderr


@pytest.mark.parametrize(("name", "hours", "batches"), [("hour", 1, 2), ("month", 26, 70)])
def test_the_tables_hold_what_the_plan_says(
    measured: tuple[BatchCost, Path], name: str, hours: int, batches: int
) -> None:
    tables = StreamTables(measured[1] / name)
    rows = read_published(tables.published("response_time"))
    assert rows is not None
    assert len(rows) == hours * 60 * SMALL.keys
    assert sum(rows["is_open"].to_pylist()) == OPEN_MINUTES * SMALL.keys
    assert [row.batch for row in read_ledger(tables)] == list(range(batches + 3))


def test_a_published_hour_is_one_file(measured: tuple[BatchCost, Path]) -> None:
    table = DeltaTable(str(StreamTables(measured[1] / "month").published("response_time")))
    assert len(table.file_uris()) == 27
