"""Erasure as tests look at it: at a time of their own, killed where they say, and what of it readers must not see."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from support.late_player import reconcile
from tideline.bench.player import Player
from tideline.erase import Place, Removed, erase
from tideline.gaps import Gap, find_gaps
from tideline.horizon import Horizon
from tideline.ledger import Books
from tideline.ledger_view import Fate, fate_of, fates_of, sum_books
from tideline.spec.model import StreamSpec
from tideline.tables.accounts import accounts_of
from tideline.tables.books import ledger_of, read_corrected, read_cuts, read_versions
from tideline.tables.delta import open_dataset
from tideline.tables.erased import erasures_of, last_of, read_erased
from tideline.tables.lost_ends import find_lost_ends
from tideline.tables.published import read_published
from tideline.tables.unrecoverable import read_unrecoverable
from tideline.verify import verify_tables
from tideline.verify.report import VerifyReport

KEEP_MS = 660_000
"""Just longer than a spec may keep."""


def copied(player: Player, root: Path) -> Player:
    """The same stream with the same past, at another place."""
    shutil.copytree(player.root, root)
    other = replace(player, root=root, log=[*player.log], logs={})
    other.offsets = dict(player.offsets)
    return other


class Killed(Exception):
    """The process is gone."""


def keeping(spec: StreamSpec) -> StreamSpec:
    return spec.model_copy(update={"keep": KEEP_MS})


def erase_until(
    player: Player, seconds: float, step: Callable[[str], None] = lambda _: None
) -> tuple[Horizon, Removed]:
    """Erases at the time at which what ended up to so many seconds after the epoch is no longer kept."""
    return erase(Place(player.tables, player.spec, None, KEEP_MS + round(seconds * 1000)), step)


def killed_at(number: int) -> Callable[[str], None]:
    """Dies before the commit of this number."""
    left = iter(range(number, -1, -1))

    def step(name: str) -> None:
        if not next(left, 0):
            raise Killed(name)

    return step


def published_rows(player: Player, until_s: float | None = None) -> dict[str, list[dict[str, Any]]]:
    """All rows with all their columns, in order; those of windows that end up to a time."""
    found = {}
    for name in player.spec.metrics:
        table = read_published(player.tables.published(name))
        rows = [] if table is None else table.sort_by([("window_end", "ascending"), ("key", "ascending")]).to_pylist()
        found[name] = [row for row in rows if until_s is None or row["window_end"].timestamp() <= until_s]
    return found


def totals(player: Player) -> Books:
    """As `tideline ledger` sums them up."""
    parts = open_dataset(player.tables.parts)
    fates = fates_of(player.eras, read_corrected(player.tables), read_unrecoverable(player.tables))
    by_version: dict[int, Fate] = {
        row.version: fate_of(player.eras, row, fates) for row in ledger_of(parts, late_only=True)
    }
    return last_of(erasures_of(parts)).books + sum_books(accounts_of(parts), by_version)


def verified(player: Player) -> VerifyReport:
    report = verify_tables(player.tables, player.spec, player.read, quarantine=player.quarantine)
    assert report.holds, report.as_dict()
    assert report.books == totals(player)
    assert gaps(player) == []
    return report


def gaps(player: Player) -> list[Gap]:
    """Batches that lack a ledger row, by the numbers and the cuts there are."""
    cuts, versions, erased = read_cuts(player.tables), read_versions(player.tables), read_erased(player.tables)
    between = find_gaps(versions, cuts[-1].generation, None, erased.last)
    return [*between, *find_lost_ends(player.tables, cuts, versions, erased.boundary)]


def settle(player: Player) -> None:
    """Reconciles until there is nothing more to do, and looks whether all is right."""
    reconcile(player)
    verified(player)
    assert reconcile(player) == (0, 0)
