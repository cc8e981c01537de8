"""The dashboards: whole, with units, and asking for nothing that there is not."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from support.dashboards import GRAFANA, Dashboard, Panel, dashboards, panel_queries, panels, series_in
from support.promtool import promtool
from support.rule_files import alerts, recorded
from tideline.exporter.catalogue import CATALOGUE

DASHBOARDS: Final = dashboards()
SOURCE: Final = "tideline-prometheus"
KNOWN: Final = {series.name for series in CATALOGUE} | recorded() | {"up", "ALERTS"}
HISTOGRAM_PARTS: Final = re.compile(r"_(bucket|sum|count)$")
BUSINESS: Final = {
    "System Health Score": ("stat", "health_score"),
    "Response Time Trends": ("timeseries", "avg_response_time"),
    "Error Rate by service": ("timeseries", "error_rate"),
    "Request Volume": ("timeseries", "request_count"),
    "Anomaly Alerts": ("table", "tideline_anomaly_score"),
    "Anomalies that stand": ("timeseries", "anomaly_count"),
}
ROWS: Final = [
    "The business",
    "Stream health",
    "Backlog (consumer lag)",
    "Watermark delay",
    "Late data",
    "Restarts",
    "Runbooks",
]
dashboard_by_name = pytest.mark.parametrize("name", DASHBOARDS)


def asking(name: str) -> list[Panel]:
    return [panel for panel in panels(DASHBOARDS[name]) if panel["type"] not in ("row", "text")]


@dashboard_by_name
def test_a_dashboard_has_a_uid_of_its_own_that_never_changes(name: str) -> None:
    assert DASHBOARDS[name]["uid"] == name
    assert (DASHBOARDS[name].get("id"), DASHBOARDS[name]["schemaVersion"] >= 39) == (None, True)
    numbers = [panel["id"] for panel in panels(DASHBOARDS[name])]
    assert len(set(numbers)) == len(numbers)


@dashboard_by_name
def test_panels_lie_beside_each_other_on_the_grid(name: str) -> None:
    places = [panel["gridPos"] for panel in panels(DASHBOARDS[name])]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert [(a, b) for a, b in combinations(places, 2) if overlap(a, b)] == []


def overlap(a: dict[str, int], b: dict[str, int]) -> bool:
    return all(a[at] < b[at] + b[size] and b[at] < a[at] + a[size] for at, size in (("x", "w"), ("y", "h")))


@dashboard_by_name
def test_every_panel_asks_the_provisioned_source_and_has_a_unit(name: str) -> None:
    for panel in asking(name):
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        asked = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert {source["uid"] for source in asked} == {SOURCE}, panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert refs and len(set(refs)) == len(refs), panel["title"]


@dashboard_by_name
def test_titles_say_which_panel_it_is(name: str) -> None:
    titles = [panel["title"] for panel in asking(name)]
    assert all(titles) and len(set(titles)) == len(titles)


@dashboard_by_name
def test_every_variable_that_is_used_is_there(name: str) -> None:
    known = {variable["name"] for variable in DASHBOARDS[name]["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)", json.dumps(DASHBOARDS[name])))
    assert used - {"__value"} == known


@dashboard_by_name
def test_every_series_is_of_the_catalogue_or_recorded_by_a_rule(name: str) -> None:
    named = set().union(*(series_in(target["expr"]) for panel in asking(name) for target in panel["targets"]))
    assert {each for each in named if each not in KNOWN and HISTOGRAM_PARTS.sub("", each) not in KNOWN} == set()
    assert len(named) > 5


def test_every_query_parses(tmp_path: Path) -> None:
    rules = [{"record": f"query:{at}", "expr": query.expression} for at, query in enumerate(panel_queries("a"))]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    assert promtool("check", "rules", str(file)) == ""


def test_the_dashboard_of_a_stream_shows_what_it_must() -> None:
    shown = {panel["title"]: panel for panel in asking("tideline-stream")}
    found = {title: (shown[title]["type"], *series_in(shown[title]["targets"][0]["expr"])) for title in BUSINESS}
    assert found == BUSINESS
    assert [panel["title"] for panel in panels(DASHBOARDS["tideline-stream"]) if panel["type"] == "row"] == ROWS


def test_it_links_every_runbook_and_the_streams_page() -> None:
    dashboard = DASHBOARDS["tideline-stream"]
    (text,) = (panel["options"]["content"] for panel in panels(dashboard) if panel["type"] == "text")
    linked = re.findall(r"\[(\w+)\]\(\$\{airflow\}/tideline/runbooks/(\w+)\)", text)
    assert {(alert, alert) for alert in (rule["alert"] for rule in alerts())} == set(linked)
    assert "${airflow}/tideline/streams/${stream}" in {link["url"] for link in dashboard["links"]}


@dashboard_by_name
def test_links_between_dashboards_lead_somewhere(name: str) -> None:
    named = set(re.findall(r"/d/([\w-]+)", json.dumps(DASHBOARDS[name])))
    assert named <= set(DASHBOARDS)


def provisioned(kind: str) -> dict[str, Any]:
    (file,) = (GRAFANA / "provisioning" / kind).glob("*.yaml")
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    return found


def test_the_source_and_the_folder_are_provisioned() -> None:
    (source,) = provisioned("datasources")["datasources"]
    assert (source["uid"], source["type"], source["url"]) == (SOURCE, "prometheus", "$TIDELINE_PROMETHEUS_URL")
    (provider,) = provisioned("dashboards")["providers"]
    assert (provider["type"], provider["options"]["path"]) == ("file", "/etc/grafana/dashboards")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('sum by (a) (rate(b_total{c="d"}[5m])) > 1e-9', {"b_total"}),
        ("a:b:c and on (stream) up == 1 or vector(0)", {"a:b:c", "up"}),
        ('label_replace(x_y{m="n"}, "service", "$1", "key", "(.*)") unless z_z', {"x_y", "z_z"}),
    ],
)
def test_the_series_of_an_expression_are_found(expression: str, expected: set[str]) -> None:
    assert series_in(expression) == expected


def test_a_dashboard_is_whole() -> None:
    wanted = {"uid", "title", "tags", "schemaVersion", "refresh", "time", "templating", "links", "panels"}
    dashboard: Dashboard
    for dashboard in DASHBOARDS.values():
        assert wanted <= dashboard.keys()
