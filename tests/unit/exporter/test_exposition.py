"""What is told is of the catalogue: no other name, no other label."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from math import inf

import pytest
from prometheus_client import generate_latest

from tideline.exporter import catalogue
from tideline.exporter.catalogue import CATALOGUE, Kind, Series
from tideline.exporter.exposition import Exposition
from tideline.exporter.web import registry_of


class Told:
    """A collector of what was told."""

    def __init__(self, exposition: Exposition) -> None:
        self.exposition = exposition

    def collect(self) -> list[object]:
        return list(self.exposition.families)


def text(exposition: Exposition) -> list[str]:
    """The samples as Prometheus reads them."""
    lines = generate_latest(registry_of(Told(exposition))).decode().splitlines()  # type: ignore[arg-type]
    return [line for line in lines if not line.startswith("#")]


def test_a_sample_has_its_series_name_and_labels() -> None:
    told = Exposition()
    told.tell(catalogue.REJECTS, 3, stream="s", reason="not_utf8")
    told.tell_seconds(catalogue.WATERMARK, 1_500, stream="s")
    assert text(told) == [
        'tideline_rejects_total{reason="not_utf8",stream="s"} 3.0',
        'tideline_watermark_timestamp_seconds{stream="s"} 1.5',
    ]


def test_what_is_not_known_is_not_told() -> None:
    told = Exposition()
    told.tell(catalogue.BATCH_NUMBER, None, stream="s")
    told.tell_seconds(catalogue.WATERMARK, None, stream="s")
    assert text(told) == []


def test_keys_are_labels_of_keyed_series_alone() -> None:
    told = Exposition()
    told.tell(catalogue.WINDOW_VALUE, 1, {"key_a": "x"}, stream="s", metric="m", measure="n")
    assert text(told) == ['tideline_window_value{key_a="x",measure="n",metric="m",stream="s"} 1.0']
    with pytest.raises(ValueError, match="key_a"):
        told.tell(catalogue.RECORDS, 1, {"key_a": "x"}, stream="s")
    with pytest.raises(ValueError, match="offset"):
        told.tell(catalogue.WINDOW_VALUE, 1, {"offset": "7"}, stream="s", metric="m", measure="n")


@pytest.mark.parametrize("labels", [{}, {"stream": "s", "offset": "7"}, {"Stream": "s"}])
def test_labels_that_are_not_the_series_are_refused(labels: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="tideline_records_total has the labels stream"):
        Exposition().tell(catalogue.RECORDS, 1, **labels)


@pytest.mark.parametrize(
    "series",
    [
        Series("tideline_made_up", Kind.GAUGE, catalogue.Scope.DRIVER, ("stream",), "", "x"),
        replace(catalogue.RECORDS, kind=Kind.GAUGE),
    ],
)
def test_a_series_that_is_not_in_the_catalogue_is_refused(series: Series) -> None:
    with pytest.raises(ValueError, match="no series of the catalogue"):
        Exposition().tell(series, 1, stream="s")


def test_a_label_with_quotes_and_lines_stays_one_sample() -> None:
    told = Exposition()
    told.tell(catalogue.REJECTS, 1, stream='a"} 5\n# HELP x\nevil 1', reason="\\")
    assert text(told) == ['tideline_rejects_total{reason="\\\\",stream="a\\"} 5\\n# HELP x\\nevil 1"} 1.0']


def test_a_histogram_counts_what_is_at_most_each_bound() -> None:
    told = Exposition()
    told.tell_histogram(catalogue.BATCH_DURATION, [(0.5, 1), (inf, 3)], 4.25, stream="s")
    assert text(told) == [
        'tideline_batch_duration_seconds_bucket{le="0.5",stream="s"} 1.0',
        'tideline_batch_duration_seconds_bucket{le="+Inf",stream="s"} 3.0',
        'tideline_batch_duration_seconds_count{stream="s"} 3.0',
        'tideline_batch_duration_seconds_sum{stream="s"} 4.25',
    ]


@pytest.mark.parametrize("series", CATALOGUE, ids=lambda series: series.name)
def test_a_name_says_its_kind_and_unit(series: Series) -> None:
    assert re.fullmatch(r"tideline_[a-z_]+", series.name)
    assert series.name.endswith("_total") == (series.kind is Kind.COUNTER)
    assert not series.unit or series.name.endswith(f"_{series.unit}")
    assert series.help.endswith(".")
    assert not {"id", "offset", "batch", "tag"} & set(series.labels)


def test_a_name_is_of_one_series() -> None:
    assert max(Counter(series.name for series in CATALOGUE).values()) == 1
