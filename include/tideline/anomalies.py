"""Anomalies over time: raised, kept, changed or withdrawn, as their windows are judged again.

Times are those of the batch that was the ledger's last, never the wall clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from tideline.tables.schemas import TIME

Row = Mapping[str, Any]
Group = tuple[int, str]
"""A window's end in us, and a key."""

ANOMALIES: Final = pa.schema(
    [
        ("kind", pa.string()),
        ("metric", pa.string()),
        ("key", pa.string()),
        ("window_start", TIME),
        ("window_end", TIME),
        ("observed", pa.float64()),
        ("expected", pa.float64()),
        ("score", pa.float64()),
        ("raised_at", TIME),
        ("withdrawn_at", TIME),
        ("generation", pa.int64()),
        ("revision", pa.int64()),
    ]
)
_VALUES: Final = ("observed", "expected", "score")


@dataclass(frozen=True)
class Judgement:
    """What one detector says of some groups of its metric: those found are anomalies, the others are none."""

    kind: str
    metric: str
    judged: Set[Group]
    found: Sequence[Row]


@dataclass(frozen=True)
class Moment:
    """When a judgement is given: the recorded time of the last batch in us, and its generation."""

    at_us: int
    generation: int


def revise(known: Iterable[Row], judgement: Judgement, now: Moment) -> list[dict[str, Any]]:
    """The rows of `anomalies` that change: new ones, changed ones, withdrawn ones, and those raised once more."""
    before = {group_of(row): row for row in known}
    found = {group_of(row): row for row in judgement.found}
    changed = []
    for group in sorted(judgement.judged):
        row = _revised(before.get(group), found.get(group), judgement, now)
        if row is not None:
            changed.append(row)
    return changed


def group_of(row: Row) -> Group:
    return row["window_end"], row["key"]


def _revised(before: Row | None, found: Row | None, judgement: Judgement, now: Moment) -> dict[str, Any] | None:
    is_raised = before is not None and before["withdrawn_at"] is None
    if found is None:
        if before is None or not is_raised:
            return None
        return {**before, "withdrawn_at": now.at_us, "generation": now.generation, "revision": before["revision"] + 1}
    if before is not None and is_raised and all(before[name] == found[name] for name in _VALUES):
        return None
    return {
        "kind": judgement.kind,
        "metric": judgement.metric,
        **{name: found[name] for name in ("key", "window_start", "window_end", *_VALUES)},
        "raised_at": before["raised_at"] if before is not None and is_raised else now.at_us,
        "withdrawn_at": None,
        "generation": now.generation,
        "revision": 0 if before is None else before["revision"] + 1,
    }
