"""Ledger rows lost from the end of a generation after the next had begun: their batches' numbers are nowhere.

The next generation's cut tells: it begins where the ledger ended then. Where it begins beyond the last row there is
now, the records in between are counted in parts, and read by nobody again: they need rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from tideline.gaps import Gap
from tideline.generations import Cut
from tideline.ledger import LedgerRow, ends_of
from tideline.tables.books import corrected_versions, read_part_versions, read_rows
from tideline.tables.schemas import StreamTables
from tideline.versions import batch_of, generation_of, version_of


def begins_beyond(starts: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    """Whether records lie between what is ledgered and where a generation began: a partition that the ledger does not
    know was read from 0 on."""
    return any(start > ends.get(partition, 0) for partition, start in starts.items())


def find_lost_ends(
    tables: StreamTables, cuts: Sequence[Cut], versions: Iterable[int], erased: LedgerRow | None = None
) -> dict[Gap, Cut]:
    """Gaps at the ends of generations, oldest first, each with the cut at whose starts the reading went on.

    `versions` are those of the ledger, read after the cuts; up to the `erased` row none is missing. A gap ends with the
    last batch of which something is left.
    """
    kept = [version for version in versions if erased is None or version > erased.version]
    bound = [] if erased is None else [erased]
    last = {generation_of(version): version for version in [*(row.version for row in bound), *sorted(kept)]}
    cuts = [cut for cut in cuts if erased is None or cut.generation >= erased.generation]
    begun = {cut.generation: cut.starts for cut in cuts}
    rows = [*bound, *read_rows(tables, set(last.values()) & set(kept))]
    ends = {row.generation: {**begun.get(row.generation, {}), **ends_of(row)} for row in rows}
    found: dict[Gap, Cut] = {}
    reach: Mapping[int, int] = {}
    for cut, following in reversed(list(pairwise(cuts))):
        # Generations without a row that began further back read the records of those before them again.
        reach = following.starts if following.generation in last else _least(following.starts, reach)
        if begins_beyond(reach, ends.get(cut.generation, cut.starts)):
            after = last.get(cut.generation, cut.version)
            found[_gap(tables, cut.generation, after, following.version)] = replace(following, starts=dict(reach))
    return dict(reversed(found.items()))


def _least(starts: Mapping[int, int], reach: Mapping[int, int]) -> Mapping[int, int]:
    return {partition: min(start, reach.get(partition, start)) for partition, start in starts.items()}


def _gap(tables: StreamTables, generation: int, after: int, before: int) -> Gap:
    first = max(after + 1, version_of(generation, 0))
    parts, corrected = read_part_versions(tables, after, before), corrected_versions(tables, after, before)
    # A batch with corrections was corrected whole: one that has none follows, to stand for what is not.
    last = max([first, *parts, *(version + 1 for version in corrected)])
    return Gap(generation, batch_of(first), batch_of(last))
