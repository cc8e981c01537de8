"""What an exporter answers, over HTTP as Prometheus asks it."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.error import HTTPError

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tideline.exporter.catalogue import CATALOGUE, Kind, Scope
from tideline.exporter.web import Page, Server, Tells, pages


@contextmanager
def serving(tells: Tells, others: Mapping[str, Page] | None = None) -> Iterator[Server]:
    server = Server(pages(tells, others or {}))
    server.start()
    try:
        yield server
    finally:
        server.close()


def get(url: str, method: str = "GET") -> tuple[int, str, str]:
    """Status, content type and text."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def scrape(url: str) -> list[Sample]:
    """The samples of a metrics page, which must be one."""
    status, _, text = get(url)
    assert status == 200, text
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def names_of(samples: list[Sample]) -> set[str]:
    """The series that the samples are of: those of a histogram by its name."""
    histograms = {series.name for series in CATALOGUE if series.kind is Kind.HISTOGRAM}
    parts = {f"{name}_{part}": name for name in histograms for part in ("bucket", "count", "sum")}
    return {parts.get(sample.name, sample.name) for sample in samples}


def catalogued(scope: Scope) -> set[str]:
    return {series.name for series in CATALOGUE if series.scope is scope}


def value(samples: list[Sample], name: str, **labels: str) -> float:
    """The one sample of this name that has these labels."""
    (found,) = values(samples, name, **labels)
    return found


def values(samples: list[Sample], name: str, **labels: str) -> list[float]:
    wanted = labels.items()
    return [sample.value for sample in samples if sample.name == name and wanted <= sample.labels.items()]
