"""Published tables against the oracle, which shares no code with the engine."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from oracle.events import Record
from oracle.tables import Key, expected
from tideline.clock import now_ms
from tideline.spec.model import StreamSpec
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables

Groups = dict[tuple[int, Key], Mapping[str, Any]]


def same(found: Any, wanted: Any) -> bool:
    """Floats to 14 digits: the oracle rounds once, a deviation in the engine several times."""
    if isinstance(wanted, float) and isinstance(found, float):
        return math.isclose(found, wanted, rel_tol=1e-14, abs_tol=1e-12)
    return bool(found == (sorted(wanted) if isinstance(wanted, set | frozenset) else wanted))


def published_groups(tables: StreamTables, spec: StreamSpec, metric: str) -> Groups:
    """{(window start in ms, key): row} of one table."""
    table = read_published(tables.published(metric))
    rows = [] if table is None else table.to_pylist()
    keys = spec.metrics[metric].keys
    return {(round(row["window_start"].timestamp() * 1000), tuple(row[key] for key in keys)): row for row in rows}


def unlike_the_oracle(tables: StreamTables, spec: StreamSpec, sent: Iterable[tuple[int, bytes | None]]) -> list[Any]:
    """What the published tables of a log, sent a moment ago, say otherwise than the oracle: the first ten.

    `sent` are the records' partitions and values, in the order of sending.
    """
    offsets: Counter[int] = Counter()
    records = []
    for partition, value in sent:
        records.append(Record(value, now_ms(), partition, offsets[partition]))
        offsets[partition] += 1
    wanted = expected(records, spec)
    found = {name: published_groups(tables, spec, name) for name in spec.metrics}
    odd: list[Any] = [(name, group) for name in spec.metrics for group in set(wanted[name]) ^ set(found[name])]
    odd += [
        (name, group, column, found[name][group][column], value)
        for name, rows in wanted.items()
        for group, row in rows.items()
        for column, value in row.items()
        if group in found[name] and not same(found[name][group][column], value)
    ]
    return odd[:10]
