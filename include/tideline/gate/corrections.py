"""The gate before publication: corrections, and the rows that they would make, against what is expected of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.relations import within
from tideline.gate.rules import CORRECTION, MISALIGNED, ROW, Rule, correction_rules, table_rules
from tideline.gate.rules_file import load_rules
from tideline.gate.suites import PASSED, Frame, Validation, validate
from tideline.generations import Era
from tideline.home import Home
from tideline.spec.model import Metric
from tideline.stream_books import StreamBooks
from tideline.tables.publication import Publication
from tideline.tables.schemas import TIME

Gate: TypeAlias = Callable[[StreamBooks, pa.Table], Validation]
"""Says of corrections that are not written yet (`group_schema`) what is wrong with them."""


def let_through(books: StreamBooks, corrections: pa.Table) -> Validation:
    """No gate."""
    return PASSED


def gate_of(home: Home, run: str) -> Gate:
    """The gate by Great Expectations; `run` names the validation in the Data Docs."""
    return partial(check_corrections, home, run)


def check_corrections(
    home: Home, run: str, books: StreamBooks, corrections: pa.Table, folder: Path | None = None
) -> Validation:
    """Validates corrections, and the published rows as they would be with them; SpecError for a file of expectations
    (in `folder`, by default the users') that cannot be used."""
    rules = load_rules(books.spec, folder)
    metrics = {name for era in books.eras for name in era.spec.metrics}
    rows = pa.concat_tables(_with_starts(within(corrections, era.bounds), era.spec.metrics) for era in books.eras)
    frames = [Frame("corrections", rows, (*correction_rules(metrics), *rules.corrections), CORRECTION)]
    for era, name, rows in Publication(books.tables, books.eras).preview(corrections):
        own = rules.tables.get(name, ()) if era is books.eras[-1] else ()
        frames.append(table_frame(era, name, rows, own))
    return validate(home.stream(books.stream).validations, "corrections", frames, run)


def table_frame(era: Era, name: str, rows: pa.Table, own: tuple[Rule, ...] = ()) -> Frame:
    """Rows of an era's published table, with all that is expected of them."""
    metric = era.spec.metrics[name]
    return Frame(name, with_misaligned(rows, metric), (*table_rules(metric), *own), ROW)


def with_misaligned(rows: pa.Table, metric: Metric) -> pa.Table:
    """Adds how far (us) each window's beginning lies behind the last place where a window of the metric begins."""
    starts = rows["window_start"].cast(pa.int64()).to_numpy()
    return rows.append_column(MISALIGNED, pa.array(np.mod(starts, metric.slide_ms * 1000), pa.int64()))


def _with_starts(corrections: pa.Table, metrics: Mapping[str, Metric]) -> pa.Table:
    """An era's corrections, with the columns that an expectation can name; a metric that is not known has no window."""
    named = [corrections.filter(pc.equal(corrections["metric"], name)) for name in metrics]
    rows = [
        with_misaligned(_starting(found, metric.window), metric)
        for found, metric in zip(named, metrics.values(), strict=True)
    ]
    known = pc.field("metric").isin(pa.array(sorted(metrics)))
    strange = _starting(corrections.filter(pc.invert(known)), 0)
    rows.append(strange.append_column(MISALIGNED, pa.nulls(len(strange), pa.int64())))
    return pa.concat_tables(rows)


def _starting(corrections: pa.Table, window_ms: int) -> pa.Table:
    starts = pc.subtract(corrections["window_end"].cast(TIME), pa.scalar(window_ms * 1000, pa.duration("us")))
    named = corrections.select(["version", "metric", "window_end", "key", "events"])
    return named.append_column("window_start", starts)
