"""docs/spec.md says what is: its spec is valid and names every key, its tables name every format, type and measure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import yaml

from support.records import CHECKOUT
from tideline.spec.detectors import AnyDetector
from tideline.spec.exporter import Exporter
from tideline.spec.feeds import Feed, Files
from tideline.spec.load import parse_spec
from tideline.spec.measures import MeasureKind
from tideline.spec.model import FEEDS, LateAlert, LateData, Metric, Source, StreamSpec
from tideline.spec.own_settings import OF_EVERY_DRIVER, OF_METRICS
from tideline.spec.parts import Model
from tideline.spec.schema import DECLARED_TYPES, FORMATS, JSON
from tideline.spec.sinks import AnySink

DOCUMENT = (CHECKOUT / "docs/spec.md").read_text()


def example() -> str:
    found: list[str] = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    return found[0]


def test_the_example_is_a_spec() -> None:
    assert parse_spec(example(), "shop.yaml").name == "shop"


def test_the_example_shows_every_key() -> None:
    spec: dict[str, Any] = yaml.safe_load(example())
    shown: list[tuple[type[Model], dict[str, Any]]] = [
        (StreamSpec, spec | {"launcher": "local"}),
        (Source, spec["source"] | dict.fromkeys(FEEDS)),
        (Files, spec["source"]["files"]),
        *((kind, sink) for kind, sink in zip(get_args(AnySink), spec["sinks"], strict=True)),
        (Metric, spec["metrics"]["sales"]),
        (LateData, spec["late_data"]),
        (LateAlert, spec["late_data"]["alert"]),
        (Exporter, spec["exporter"]),
    ]
    assert [set(kind.model_fields) - set(keys) for kind, keys in shown] == [set()] * len(shown)


def first_cells(heading: str) -> Iterator[str]:
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE):
        yield from re.findall(r"`([\w-]+)", row)


def test_every_format_and_type_is_told() -> None:
    assert set(first_cells("Formats")) == {*FORMATS, JSON, *DECLARED_TYPES}


def test_every_detector_is_told_with_its_own_keys() -> None:
    kinds = {get_args(each.model_fields["kind"].annotation)[0]: each for each in get_args(AnyDetector)}
    assert set(first_cells("Detectors")) == set(kinds)
    section = DOCUMENT.split("\n## Detectors\n")[1].split("\n## ")[0]
    own = {name for kind in kinds.values() for name in kind.model_fields} - {"kind", "metric", "description"}
    assert own <= set(re.findall(r"`(\w+)`", section))


def test_every_feed_and_sink_is_told_with_its_own_keys() -> None:
    sections = {name: DOCUMENT.split(f"\n## {name}\n")[1].split("\n## ")[0] for name in ("Sources", "Sinks")}
    assert set(re.findall(r"^\| `(\w+)` \|", sections["Sources"], re.MULTILINE)) == FEEDS
    for kind in get_args(Feed):
        assert set(kind.model_fields) <= set(re.findall(r"`(\w+)`", sections["Sources"]))
    for kind in get_args(AnySink):
        assert f"| `{get_args(kind.model_fields['to'].annotation)[0]}` |" in sections["Sinks"]
        assert set(kind.model_fields) - {"to"} <= set(re.findall(r"`(\w+)`", sections["Sinks"]))
        assert set(get_args(kind.model_fields["mode"].annotation)) <= set(re.findall(r"`(\w+)`", sections["Sinks"]))


def test_every_setting_that_is_refused_is_told() -> None:
    told = set(re.findall(r"`(spark\.[\w.]+)`", (CHECKOUT / "docs/jobs.md").read_text()))
    assert told >= OF_EVERY_DRIVER | OF_METRICS


def test_every_measure_is_told() -> None:
    assert set(first_cells("Measures")) == set(MeasureKind)
