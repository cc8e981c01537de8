"""The tables' assets: the events a real task run leaves in Airflow, and what waits for an hour by them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Asset, AssetAll
from airflow.sdk.execution_time.context import set_current_context

from support.announced import AnnouncedStream
from support.platform import Platform
from support.records import log_line, small_spec
from tideline.home import CHECKOUT
from tideline.registry.store import Registry
from tideline_airflow.assets import table_asset
from tideline_airflow.table_events import completed_hours, remember, summarise

NUMBERS = count(1)
"""Each test has a stream of its own: the registry is everybody's."""


def event(event: str, since: str | None, until: str) -> SimpleNamespace:
    return SimpleNamespace(extra={"event": event, f"{event}_from": since, f"{event}_to": until})


def hours(*numbers: int) -> list[datetime]:
    return [datetime(2026, 1, 31, number, tzinfo=UTC) for number in numbers]


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        ("2026-01-31T10:00:00Z", "2026-01-31T10:59:00Z", []),
        ("2026-01-31T10:59:00Z", "2026-01-31T11:00:00Z", [10]),
        ("2026-01-31T10:59:00Z", "2026-01-31T13:10:00Z", [10, 11, 12]),
        ("2026-01-31T11:00:00Z", "2026-01-31T11:01:00Z", []),
        (None, "2026-01-31T11:10:00Z", [10]),
    ],
)
def test_the_hours_that_an_event_completes(since: str | None, until: str, found: list[int]) -> None:
    assert completed_hours({"table": [event("complete", since, until)]}) == hours(*found)


def test_several_events_of_a_run_are_taken_together_and_corrections_complete_nothing() -> None:
    events = [
        event("complete", "2026-01-31T10:50:00Z", "2026-01-31T11:00:00Z"),
        event("complete", "2026-01-31T10:50:00Z", "2026-01-31T11:00:00Z"),  # told twice
        event("complete", "2026-01-31T11:00:00Z", "2026-01-31T12:00:00Z"),
        event("corrected", "2026-01-31T02:00:00Z", "2026-01-31T05:00:00Z"),
        SimpleNamespace(extra=None),
    ]
    assert completed_hours({"table": events}) == hours(10, 11)


def test_without_an_event_no_hour_is_complete() -> None:
    assert completed_hours({}) == []


def test_one_text_names_a_table() -> None:
    asset = table_asset("log-metrics", "error_rate")
    assert asset == Asset("tideline://log-metrics/error_rate")
    assert asset == Asset(name="tideline://log-metrics/error_rate", uri="tideline://log-metrics/error_rate")


def test_the_file_in_the_documents_waits_for_the_table(tmp_path: Path) -> None:
    (text,) = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs" / "assets.md").read_text(), re.DOTALL)
    assert "tideline_airflow" not in text
    (tmp_path / "hourly_report.py").write_text(text)
    bag = DagBag(tmp_path)
    assert bag.import_errors == {}
    table = table_asset("log-metrics", "system_health")
    assert bag.dags["hourly_report"].timetable.asset_condition == AssetAll(table)
    hours_of: Any = bag.dags["hourly_report"].get_task("hours")
    events = [event("complete", None, "2026-01-31T08:00:00Z"), event("corrected", "2026-01-31T01:00:00Z", "x")]
    events.append(event("complete", "2026-01-31T08:00:00Z", "2026-01-31T10:10:00Z"))
    context: Any = {"triggering_asset_events": {table: events}}
    with set_current_context(context):
        assert hours_of.python_callable() == hours(8, 9)


@pytest.fixture
def stream(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[AnnouncedStream]:
    """A stream of the platform's, with one closed window of the hour 1970-01-01T00."""
    monkeypatch.setenv("TIDELINE_HOME", str(platform.home.root))
    registry = Registry.connect(platform.start("database").registry_url)
    found = AnnouncedStream(
        platform.home, registry, small_spec().model_copy(update={"name": f"announced-{next(NUMBERS)}"})
    )
    found.play(log_line(5), log_line(25), log_line(3_700))
    yield found
    registry.close()


@pytest.fixture(scope="module")
def airflow_database() -> None:
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True, timeout=300)


def test_an_hour_is_summarised(stream: AnnouncedStream) -> None:
    first, second = datetime(1970, 1, 1, 0, tzinfo=UTC), datetime(1970, 1, 1, 1, tzinfo=UTC)
    assert summarise(stream.player.spec.name, "counts", [first, second]) == [
        {"hour": "1970-01-01T00:00:00+00:00", "rows": 2, "windows": 2, "open": 0},
        {"hour": "1970-01-01T01:00:00+00:00", "rows": 1, "windows": 1, "open": 1},
    ]
    assert summarise(stream.player.spec.name, "gone", [first]) == [
        {"hour": "1970-01-01T00:00:00+00:00", "rows": 0, "windows": 0, "open": 0}
    ]


def test_a_run_leaves_events_and_the_next_tells_only_what_is_new(
    stream: AnnouncedStream, airflow_database: None
) -> None:
    dag = DagBag(CHECKOUT / "dags").dags["announce_tables"]
    assert [str(dag.test().state) for _ in range(2)] == ["success", "success"]
    stream.play(log_line(3_800))
    assert str(dag.test().state) == "success"
    assert events_of(f"tideline://{stream.player.spec.name}/counts") == [
        {"event": "complete", "complete_from": None, "complete_to": "1970-01-01T01:01:30Z"},
        {
            "event": "complete",
            "complete_from": "1970-01-01T01:01:30Z",
            "complete_to": "1970-01-01T01:03:10Z",
        },
    ]


def events_of(uri: str) -> list[dict[str, Any]]:
    """The extras of an asset's events, oldest first, as Airflow has them."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    of_asset = select(AssetEvent).join(AssetModel, AssetModel.id == AssetEvent.asset_id).where(AssetModel.uri == uri)
    with create_session() as session:
        return [dict(event.extra) for event in session.scalars(of_asset.order_by(AssetEvent.id))]


@pytest.mark.parametrize(("state", "remembered"), [("success", True), ("running", False)])
def test_what_airflow_does_not_have_is_not_remembered(stream: AnnouncedStream, state: str, remembered: bool) -> None:
    told = {stream.player.spec.name: {f"table-{state}": 7}}
    ti = SimpleNamespace(
        dag_id="announce_tables",
        task_id="announce",
        run_id="run-1",
        xcom_pull=lambda task_ids: told,
        get_task_states=lambda **_: {"run-1": {"announce": state}},
    )
    context: Any = {"ti": ti}
    remember(context)
    assert (f"table-{state}" in stream.registry.announced.told(stream.player.spec.name)) is remembered
