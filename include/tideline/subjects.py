"""Finds the group that a user means, and names near ones when there is none like it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import connect
from tideline.errors import UserError
from tideline.explain import Subject
from tideline.generations import Era
from tideline.lateness import windows_of
from tideline.spec.model import Metric
from tideline.spec.problems import did_you_mean
from tideline.tables.published import read_published
from tideline.tables.schemas import TIME, StreamTables
from tideline.times import iso_us

_SHOWN = 5


def find_subject(
    tables: StreamTables, eras: Sequence[Era], metric: str, start_us: int, key: str, end_us: int | None = None
) -> Subject:
    """The group of a metric, window start and key; UserError when no spec has such a metric there.

    Windows of several specs may begin at the same time: then `end_us` chooses, and UserError names the ends without it.
    Whether anything is known of the group is not looked at.
    """
    known = {name for era in eras for name in era.spec.metrics}
    if metric not in known:
        raise UserError(f"there is no metric '{metric}'", did_you_mean(metric, known, "metrics are"))
    found = _beginning_at(eras, metric, start_us)
    if not found:
        raise _no_window(metric, start_us, _windows(tables, metric))
    end = _chosen(metric, start_us, sorted(found), end_us)
    return Subject(metric, start_us, end, key_text(found[end], key))


def _beginning_at(eras: Sequence[Era], metric: str, start_us: int) -> dict[int, Metric]:
    """The metric as each spec has it that owns a window from then on, by the window's end (us).

    A time at which no spec's windows begin is taken for one: it is then found that nothing is known of it.
    """
    owned = {
        start_us + found.window * 1000: (era, found)
        for era in eras
        for found in (era.spec.metrics.get(metric),)
        if found is not None and era.bounds.hold(start_us + found.window * 1000)
    }
    real = {end: each for end, each in owned.items() if (metric, end) in windows_of(each[0].spec, start_us)}
    return {end: found for end, (_, found) in (real or owned).items()}


def _chosen(metric: str, start_us: int, ends: Sequence[int], end_us: int | None) -> int:
    if end_us is not None and end_us in ends:
        return end_us
    options = " or ".join(f"--until {iso_us(end)}" for end in ends)
    if end_us is not None:
        raise UserError(f"{metric} has no window from {iso_us(start_us)} to {iso_us(end_us)}", f"there is {options}")
    if len(ends) > 1:
        raise UserError(
            f"{metric} has {len(ends)} windows that begin at {iso_us(start_us)}: its spec changed then",
            f"choose one by its end: {options}",
        )
    return ends[0]


def key_text(metric: Metric, key: str) -> str:
    """A key as tables hold it, from the values with commas between, or from a JSON array; UserError if it is none."""
    values = _values(metric, key)
    if len(values) != len(metric.keys):
        wanted = ", ".join(metric.keys) or "no key"
        fix = "a value with a comma in it needs the JSON array" if metric.keys else "write [] as the key"
        raise UserError(f"key '{key}' has {len(values)} values, the metric has {len(metric.keys)}: {wanted}", fix)
    rows = connect().execute("select to_json($values::varchar[])::varchar", {"values": values}).fetchall()
    return str(rows[0][0])


def _values(metric: Metric, key: str) -> list[str | None]:
    if key.lstrip().startswith("["):
        try:
            found = json.loads(key)
        except ValueError as error:
            values = [value.strip().strip("'\"") for value in key.strip().strip("[]").split(",")]
            meant = json.dumps([None if value == "null" else value for value in values], ensure_ascii=False)
            raise UserError(f"key '{key}' is no JSON array: {error}", f"write it as '{meant}'") from None
        return [value if value is None or isinstance(value, str) else json.dumps(value) for value in found]
    return [part.strip() for part in key.split(",")] if key or metric.keys else []


def unknown_group(tables: StreamTables, subject: Subject) -> UserError:
    """What to ask for instead of a group that nothing is known of: keys of its window, or windows of its metric."""
    end = pc.field("window_end") == pa.scalar(subject.end_us, TIME)
    rows = read_published(tables.published(subject.metric), end)
    if rows is None or not len(rows):
        return _no_window(subject.metric, subject.start_us, _windows(tables, subject.metric))
    message = f"{subject.metric} has no key {subject.key} in the window that begins at {iso_us(subject.start_us)}"
    if "null" in json.loads(subject.key):
        return UserError(f"{message}: it is the text null", "null itself is written in a JSON array, as [null]")
    return UserError(message, _near(subject.key, sorted(rows["key"].to_pylist())))


def _near(key: str, keys: list[str]) -> str:
    """By what the keys say, as a person writes them: brackets and quotes make all of them alike."""
    written = [_written(each) for each in keys]
    hint = did_you_mean(_written(key), written)
    few = ", ".join(written[:_SHOWN])
    return hint if hint.startswith("did") or len(keys) <= _SHOWN else f"its first keys of {len(keys)} are {few}"


def _written(key: str) -> str:
    """Values with commas between, or a JSON array where that would be read as something else."""
    values = json.loads(key)
    is_plain = all(
        value and value != "null" and value.strip() == value and not set(value) & set(",[]'\"") for value in values
    )
    return ",".join(values) if is_plain else key


def _windows(tables: StreamTables, metric: str) -> list[int]:
    rows = read_published(tables.published(metric))
    return [] if rows is None else sorted(pc.unique(rows["window_start"].cast(pa.int64())).to_pylist())


def _no_window(metric: str, start_us: int, windows: list[int]) -> UserError:
    nearest = sorted(sorted(windows, key=lambda at: abs(at - start_us))[:_SHOWN])
    hint = f"the nearest begin at {', '.join(map(iso_us, nearest))}" if nearest else "it has no window yet"
    return UserError(f"{metric} has no window that begins at {iso_us(start_us)}", hint)
