"""Which published rows give way to which: a pure decision over Arrow tables.

A row is made from inputs that only grow: the newest part (`part_version`) and the corrections (`revision`). It replaces
another that it is nowhere behind and somewhere ahead of, or that it closes. Of two rows that are each ahead in one of
them neither is the newer: both lack something, and the group wants to be computed again.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tideline.tables.schemas import TIME

IDENTITY = ["window_start", "key"]
UNDECIDED = ["window_start", "window_end", "key"]
_INPUTS = ["part_version", "revision", "is_open"]


@dataclass(frozen=True)
class Decision:
    """What becomes of a table: rows kept, rows removed, rows taken, and groups that neither side may decide."""

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
    clear_after_us: int | None = None,
    force: bool = False,
) -> Decision:
    """Offers `rows` to the `old` rows, and their removal to those of the groups in `gone`; all of one schema.

    Windows that end at `closing` (us) are closed, and a window once closed stays closed. Old rows with window_end >
    `clear_after_us` give way to anything and go in any case; with `force` all give way. `changed` counts groups. A
    group offered twice is a ValueError: of two rows no rule would choose.
    """
    offered = pa.concat_tables([rows.select([*UNDECIDED, *_INPUTS]), gone.select([*UNDECIDED, *_INPUTS])])
    _require_single(offered)
    there = _numbered(old.select([*IDENTITY, *_INPUTS]), "there").append_column(
        "cleared", _is_cleared(old, clear_after_us)
    )
    there = there.rename_columns([*IDENTITY, *(f"old_{name}" for name in _INPUTS), "there", "cleared"])
    pairs = _numbered(offered, "offer").join(there, IDENTITY, join_type="left outer", use_threads=False)
    accepted = pc.or_(_is_free(pairs, force), pc.fill_null(_is_newer(pairs), False))
    undecided = pc.and_not(pc.fill_null(_is_incomparable(pairs), False), accepted)
    is_row = pc.less(pairs["offer"], len(rows))
    takes = pairs.filter(pc.and_(accepted, is_row))
    gives_way = pc.drop_null(pairs.filter(accepted)["there"])
    leaves = pc.or_(there["cleared"], pc.is_in(there["there"], value_set=gives_way.combine_chunks()))
    removed = old.filter(leaves)
    replaced = len(takes) - takes["there"].null_count
    taken = rows.take(takes["offer"])
    stays = pc.or_(_is_free(takes, force), pc.fill_null(takes["old_is_open"], True))
    taken = _with_open(taken, pc.and_(taken["is_open"], stays))
    left = old.filter(pc.invert(leaves))
    closes = _is_closed_by(left, closing)
    closed = left.filter(closes)
    return Decision(
        kept=left.filter(pc.invert(closes)),
        removed=pa.concat_tables([removed, closed]),
        taken=pa.concat_tables([taken, _with_open(closed, pa.repeat(pa.scalar(False), len(closed)))]),
        undecided=pairs.filter(undecided).select(UNDECIDED),
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


def _is_cleared(old: pa.Table, after: int | None) -> pa.ChunkedArray:
    if after is None:
        return pa.chunked_array([pa.repeat(pa.scalar(False), len(old))])
    return pc.greater(old["window_end"], pa.scalar(after, TIME))


def _is_free(pairs: pa.Table, force: bool) -> pa.ChunkedArray:
    """Nothing stands in the way of the offer."""
    if force:
        return pc.is_valid(pairs["offer"])
    return pc.or_(pc.is_null(pairs["there"]), pc.fill_null(pairs["cleared"], False))


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
