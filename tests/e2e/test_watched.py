"""The demo's stream, watched by a real Prometheus as an installation is: rules, dashboards and catalogue hold of it.

It comes after the story, which has sent the stream all kinds of records; it sends some more while Prometheus looks on.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import Any, Final

import httpx
import pytest
import yaml

from support.dashboards import PanelQuery, panel_queries
from support.platform import Platform, is_well
from support.prometheus import Found, Prometheus, in_a_hurry, running_prometheus
from support.rule_files import recorded
from tideline.exporter import catalogue
from tideline.exporter.catalogue import CATALOGUE, Kind, Series
from tideline.platform.waiting import wait_until

STREAM: Final = "log-metrics"
EVERY: Final = "2s"
PATIENCE_S: Final = 90
TIMES: Final = 3
"""How often events are sent: a reconciliation by the clock may take the late ones before the books are looked at."""
BUSINESS: Final = ("health_score", "avg_response_time", "error_rate", "request_count", "anomaly_count")


@pytest.fixture(scope="module")
def prometheus(whole: Platform, told: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Finds the drivers by the platform's exporter, and has seen the stream take two event hours of traffic."""
    assert wait_until(lambda: is_well(whole.stream(STREAM)), PATIENCE_S, 1.0), whole.stream(STREAM)
    folder = tmp_path_factory.mktemp("prometheus")
    done = whole.run("monitoring", "render", "--to", str(folder), "--rules", "rules/*.yml")
    assert done.returncode == 0, done.stderr
    config = in_a_hurry(yaml.safe_load((folder / "prometheus.yml").read_text()), EVERY)
    with running_prometheus(folder, config) as running:
        assert wait_until(lambda: bool(running.query('up{job="tideline_drivers"} == 1')), PATIENCE_S, 1.0)
        for _ in range(TIMES):
            send(whole)
            if wait_until(lambda: not absent(running) and not empty(running), PATIENCE_S, 2.0):
                break
        yield running


def send(whole: Platform) -> None:
    """Two event hours, with events that come later than any window waits."""
    late = ("--late-by", "30 minutes", "--late-share", "0.05")
    produced = whole.run("produce", "--topic", "logs", "--seconds", "20", "--speed", "600", "--rate", "100", *late)
    assert produced.returncode == 0, produced.stderr


def absent(prometheus: Prometheus) -> list[str]:
    """Series of the catalogue that never had a sample."""
    names = prometheus.names()
    there = {family(series) for series in CATALOGUE if {series.name, *parts(series)} & names}
    return sorted({family(series) for series in CATALOGUE} - there)


def family(series: Series) -> str:
    """As a scrape in either format names it."""
    return series.name.removesuffix("_total")


def empty(prometheus: Prometheus) -> list[PanelQuery]:
    return [query for query in panel_queries(STREAM) if not shown(prometheus.query(query.expression))]


def shown(found: Found) -> bool:
    """Whether there is something to see."""
    return any(not isnan(float(each["value"][1])) for each in found)


def test_every_rule_loads_and_works(prometheus: Prometheus) -> None:
    assert wait_until(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), PATIENCE_S, 1.0)
    assert {rule["name"]: rule["lastError"] for rule in prometheus.rules() if rule["health"] != "ok"} == {}
    assert len(prometheus.rules()) > len(recorded())


def test_every_panel_shows_something(prometheus: Prometheus) -> None:
    assert [str(query) for query in empty(prometheus)] == []


def test_the_recorded_series_have_their_names(prometheus: Prometheus) -> None:
    assert set(BUSINESS) - prometheus.names() == set()


def test_every_series_of_the_catalogue_is_there(prometheus: Prometheus) -> None:
    assert absent(prometheus) == []


def test_late_events_that_waited_are_told_with_their_time(prometheus: Prometheus) -> None:
    waited = f'count_over_time({catalogue.PENDING_SINCE.name}{{stream="{STREAM}"}}[1h])'
    assert prometheus.query(waited)


def test_no_series_is_outside_of_the_catalogue(prometheus: Prometheus) -> None:
    names = {name for name in prometheus.names() | prometheus.described() if name.startswith("tideline_")}
    known = {name for series in CATALOGUE for name in (series.name, family(series), *parts(series))}
    assert names - known == set()


def parts(series: Series) -> set[str]:
    """The names of a histogram's samples."""
    ends = ("bucket", "sum", "count") if series.kind is Kind.HISTOGRAM else ()
    return {f"{series.name}_{end}" for end in ends}


def test_each_page_tells_of_tideline_alone(whole: Platform, prometheus: Prometheus) -> None:
    pages = [target["scrapeUrl"] for target in prometheus.targets()]
    assert len(pages) >= 2
    for page in pages:
        types = [line for line in httpx.get(page).text.splitlines() if line.startswith("# TYPE ")]
        assert {line.split()[2].partition("_")[0] for line in types} == {"tideline"}


def test_nothing_pages_of_a_stream_that_is_well(prometheus: Prometheus) -> None:
    labels = [alert["labels"] for alert in prometheus.alerts() if alert["labels"].get("stream", STREAM) == STREAM]
    paging = {each["alertname"] for each in labels if each["severity"] == "page"}
    assert paging - {"TidelineHealthScoreLow"} == set()  # that one is of the services, and the traffic has bad minutes
