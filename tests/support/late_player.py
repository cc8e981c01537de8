"""What every late case ends with on the rule: reconciled, and held against an oracle that shares no code."""

from __future__ import annotations

import math
from typing import Any, cast

from oracle.events import Record
from oracle.lateness import Batch, late_by_rule
from oracle.tables import Tables, expected
from tideline.bench.player import RECORDED_MS, Player
from tideline.ledger import Books, keep_books
from tideline.reconcile import reconcile_books
from tideline.tables.books import read_corrected, read_corrections, read_ledger
from tideline.tables.published import read_published
from tideline.verify import verify_tables


def reconcile(player: Player) -> tuple[int, int]:
    """Corrections written and rows published again."""
    result = reconcile_books(player.books)
    return result.corrections, result.rows_published


def require_exact(player: Player) -> None:
    """Reconciles, and asserts that tables, late pairs and books are those of the oracle, and stay so."""
    reconcile(player)
    assert differences(published_tables(player), expected(log_of(player), player.spec)) == []
    late = late_by_rule(batches_of(player), log_of(player), player.spec)
    corrections = read_corrections(player.tables, player.spec)
    assert sum(corrections["events"].to_pylist()) == len(late)
    found = books(player)
    assert (found.late, found.pending) == (len({(pair.partition, pair.offset) for pair in late}), 0)
    assert found.balanced
    assert verify_tables(player.tables, player.spec, player.read).holds
    assert reconcile(player) == (0, 0)


def books(player: Player) -> Books:
    return keep_books(player.eras, read_ledger(player.tables), read_corrected(player.tables))


def late_groups(player: Player) -> int:
    """What Spark's counter would tell: distinct (window, key) dropped, batch by batch."""
    pairs = [late_by_rule([batch], log_of(player), player.spec) for batch in batches_of(player)]
    return sum(len({(pair.metric, pair.window_start_ms, pair.key) for pair in batch}) for batch in pairs)


def counts(player: Player, metric: str = "counts") -> dict[tuple[int, str], int]:
    """(window start in s, service) -> count."""
    return {
        (start_ms // 1000, str(key[0])): cast(int, row["request_count"])
        for (start_ms, key), row in published_tables(player)[metric].items()
    }


def log_of(player: Player) -> list[Record]:
    return [
        Record(value, RECORDED_MS, partition, offset)
        for partition, log in player.logs.items()
        for offset, value in enumerate(log)
    ]


def batches_of(player: Player) -> list[Batch]:
    return [
        Batch(row.late_ms, {part.partition: (part.start, part.end) for part in row.ranges})
        for row in read_ledger(player.tables)
    ]


def published_tables(player: Player) -> Tables:
    """In the oracle's form: {metric: {(window start in ms, key): {column: value}}}."""
    return {name: _rows(player, name) for name in player.spec.metrics}


def _rows(player: Player, name: str) -> dict[Any, dict[str, Any]]:
    metric, table = player.spec.metrics[name], read_published(player.tables.published(name))
    columns = (*metric.measures, *metric.derived)
    rows = [] if table is None else table.to_pylist()
    found = {
        (round(row["window_start"].timestamp() * 1000), tuple(row[key] for key in metric.keys)): {
            column: row[column] for column in columns
        }
        for row in rows
    }
    assert len(found) == len(rows), f"{name} shows a group twice"
    return found


def differences(found: Tables, wanted: Tables) -> list[Any]:
    """(metric, group, found, wanted) where they differ; floats to 14 digits, as the oracle rounds once."""
    return [
        (name, group, found[name].get(group), rows.get(group))
        for name, rows in wanted.items()
        for group in {*found[name], *rows}
        if not _same_row(found[name].get(group), rows.get(group))
    ]


def _same_row(found: Any, wanted: Any) -> bool:
    if found is None or wanted is None:
        return False
    return set(found) == set(wanted) and all(_same(found[column], wanted[column]) for column in wanted)


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) and isinstance(found, float):
        return math.isclose(found, wanted, rel_tol=1e-14, abs_tol=1e-12)
    return bool(found == wanted)
