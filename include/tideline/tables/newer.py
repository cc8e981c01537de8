"""Which published rows give way to which: a pure decision over Arrow tables.

A row is made from inputs that only grow: the newest part (`part_version`) and the corrections (`revision`). It replaces
another that it is nowhere behind and somewhere ahead of, or that it closes. Of two rows that are each ahead in one of
them neither is the newer: both lack something, and the group wants to be computed again. Rows of a spec that no longer
owns their windows are stale, and give way to anything.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

IDENTITY = ["window_end", "key"]
"""A group within its metric: two specs may each own a window that begins at the same time, never one that ends so."""
GROUP = ["window_start", "window_end", "key"]
"""What names a published row to its readers."""
_INPUTS = ["part_version", "revision", "is_open"]
SEEN = [*GROUP, "part_version", "revision"]
"""What names a published row, and the inputs it was made from."""


@dataclass(frozen=True)
class Decision:
    """What becomes of a table: rows kept, rows removed, rows taken.

    `undecided` has the `SEEN` of those that an offer may not replace although it is ahead of them in something.
    """

    kept: pa.Table
    removed: pa.Table
    taken: pa.Table
    undecided: pa.Table
    changed: int


def decide(
    old: pa.Table,
    rows: pa.Table,
    gone: pa.Table,
    *,
    closing: Set[int] = frozenset(),
    stale: pa.ChunkedArray | None = None,
    clear: bool = False,
    wrong: pa.Table | None = None,
) -> Decision:
    """Offers `rows` to the `old` rows, and their removal to those of the groups in `gone`; all of one schema.

    Windows that end at `closing` (us) are closed, and a window once closed stays closed. Old rows for which `stale` (a
    flag a row) is true, and those that are as `wrong` (columns `SEEN`) tells, give way to anything; with `clear` the
    stale ones go in any case. `changed` counts groups. A group offered twice is a ValueError: of two rows no rule would
    choose.
    """
    stale = pa.chunked_array([pa.repeat(pa.scalar(False), len(old))]) if stale is None else stale
    offered = pa.concat_tables([rows.select([*GROUP, *_INPUTS]), gone.select([*GROUP, *_INPUTS])])
    _require_single(offered)
    there = _numbered(old.select([*IDENTITY, *_INPUTS]), "there").append_column(
        "free", pc.or_(stale, _is_among(old, wrong))
    )
    there = there.rename_columns([*IDENTITY, *(f"old_{name}" for name in _INPUTS), "there", "free"])
    pairs = _numbered(offered, "offer").join(there, IDENTITY, join_type="left outer", use_threads=False)
    accepted = pc.or_(_is_free(pairs), pc.fill_null(_is_newer(pairs), False))
    undecided = pc.and_not(pc.fill_null(_is_incomparable(pairs), False), accepted)
    is_row = pc.less(pairs["offer"], len(rows))
    takes = pairs.filter(pc.and_(accepted, is_row))
    gives_way = pc.drop_null(pairs.filter(accepted)["there"])
    leaves = pc.is_in(there["there"], value_set=gives_way.combine_chunks())
    leaves = pc.or_(leaves, stale) if clear else leaves
    removed = old.filter(leaves)
    replaced = len(takes) - takes["there"].null_count
    taken = rows.take(takes["offer"])
    stays = pc.or_(_is_free(takes), pc.fill_null(takes["old_is_open"], True))
    taken = _with_open(taken, pc.and_(taken["is_open"], stays))
    left = old.filter(pc.invert(leaves))
    closes = _is_closed_by(left, closing)
    closed = left.filter(closes)
    return Decision(
        kept=left.filter(pc.invert(closes)),
        removed=pa.concat_tables([removed, closed]),
        taken=pa.concat_tables([taken, _with_open(closed, pa.repeat(pa.scalar(False), len(closed)))]),
        undecided=_seen(pairs.filter(undecided)),
        changed=len(takes) + len(removed) - replaced + len(closed),
    )


def _is_closed_by(rows: pa.Table, closing: Set[int]) -> pa.ChunkedArray:
    ends = pa.array(sorted(closing), pa.int64())
    return pc.and_(rows["is_open"], pc.is_in(rows["window_end"].cast(pa.int64()), value_set=ends))


def _with_open(rows: pa.Table, is_open: pa.ChunkedArray) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index("is_open"), rows.schema.field("is_open"), is_open)


def _require_single(offered: pa.Table) -> None:
    if len(offered.group_by(IDENTITY, use_threads=False).aggregate([])) != len(offered):
        raise ValueError("a group is offered twice: a publication holds each window and key once")


def _numbered(rows: pa.Table, name: str) -> pa.Table:
    return rows.append_column(name, pa.array(range(len(rows)), pa.int64()))


def _is_among(old: pa.Table, wrong: pa.Table | None) -> pa.ChunkedArray:
    if wrong is None or not len(wrong):
        return pa.chunked_array([pa.repeat(pa.scalar(False), len(old))])
    names = [*IDENTITY, "part_version", "revision"]
    found = _numbered(old.select(names), "place").join(wrong.select(names), names, join_type="left semi")
    return pc.is_in(pa.chunked_array([pa.array(range(len(old)), pa.int64())]), value_set=found["place"])


def _seen(pairs: pa.Table) -> pa.Table:
    return pairs.select([*GROUP, "old_part_version", "old_revision"]).rename_columns(SEEN)


def _is_free(pairs: pa.Table) -> pa.ChunkedArray:
    """Nothing stands in the way of the offer."""
    return pc.or_(pc.is_null(pairs["there"]), pc.fill_null(pairs["free"], False))


def _is_newer(pairs: pa.Table) -> pa.ChunkedArray:
    part, old_part = pairs["part_version"], pairs["old_part_version"]
    revision, old_revision = pairs["revision"], pairs["old_revision"]
    nowhere_behind = pc.and_(pc.greater_equal(part, old_part), pc.greater_equal(revision, old_revision))
    ahead = pc.or_(pc.greater(part, old_part), pc.greater(revision, old_revision))
    closes = pc.and_not(pairs["old_is_open"], pairs["is_open"])
    return pc.and_(nowhere_behind, pc.or_(ahead, closes))


def _is_incomparable(pairs: pa.Table) -> pa.ChunkedArray:
    part, old_part = pairs["part_version"], pairs["old_part_version"]
    revision, old_revision = pairs["revision"], pairs["old_revision"]
    return pc.or_(
        pc.and_(pc.greater(part, old_part), pc.less(revision, old_revision)),
        pc.and_(pc.less(part, old_part), pc.greater(revision, old_revision)),
    )
