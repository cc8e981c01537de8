"""Late case 26 on the rule: any order, any cuts, any restarts, the same final table.

A thousand streams are played side by side: each is a partition with watermarks and a service of its own, so that one
engine computes the n-th batch of all of them at once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from support.late_player import require_exact
from support.records import log_line, small_spec
from tideline.bench.player import Player, records
from tideline.engine.cells import GROUP, Engine
from tideline.engine.publish import Publisher
from tideline.generations import only_era
from tideline.lateness import pane_ms
from tideline.ledger import LedgerRow, Pane
from tideline.reconcile import compute_corrections
from tideline.reconcile_plan import plan_reconcile
from tideline.tables.schemas import TIME
from tideline.versions import version_of

STREAMS, EVENTS = 1_000, 14
SPEC = small_spec(
    counts={
        "window": "30 seconds",
        "slide": "10 seconds",
        "keys": ["service"],
        "measures": {
            "request_count": "count",
            "users": "set(user_id)",
            "total": "sum(response_time)",
            "spread": "stddev(response_time)",
        },
    },
    slow={"window": "20 seconds", "watermark": "30 seconds", "keys": ["service"], "measures": {"n": "count"}},
)

ERAS = only_era(SPEC)


def events(service: str) -> list[bytes]:
    dice = random.Random(26)
    return [
        log_line(dice.randrange(120_000) / 1000, service, user_id=dice.choice("xyz"), response_time=dice.random())
        for _ in range(EVENTS)
    ]


@dataclass
class Stream:
    """One permutation: its batches, the watermarks of the next one, and what was recorded of those before."""

    number: int
    batches: list[list[bytes]]
    watermark_ms: int = 0
    recorded_ms: int = 0
    offset: int = 0
    rows: list[LedgerRow] = field(default_factory=list)


def shuffled(seed: int) -> Stream:
    dice = random.Random(seed)
    lines = events(f"s{seed}")
    dice.shuffle(lines)
    cuts = sorted(dice.sample(range(1, EVENTS), dice.randrange(0, 6)))
    return Stream(seed, [lines[a:b] for a, b in zip([0, *cuts], [*cuts, EVENTS], strict=True)])


def play_all(streams: list[Stream]) -> tuple[pa.Table, list[LedgerRow]]:
    """The newest parts of every stream's groups, and every stream's ledger."""
    engine, dice = Engine(SPEC), random.Random(0)
    state = None
    for turn in range(max(len(stream.batches) for stream in streams)):
        playing = {stream.number: stream for stream in streams if turn < len(stream.batches)}
        engine.load(pa.concat_tables(records(s.batches[turn], s.number, s.offset) for s in playing.values()))
        kept = _kept(engine.cells(), playing)
        state = engine.merge(kept if state is None else pa.concat_tables([state, kept]))
        panes: dict[int, list[dict[str, int]]] = {number: [] for number in playing}
        for pane in engine.panes().to_pylist():
            panes[pane["partition"]].append(pane)
        for stream in playing.values():
            _record(stream, panes[stream.number], closing=dice.random() < 0.5)
    assert state is not None
    return state, [row for stream in streams for row in stream.rows]


def _kept(cells: pa.Table, playing: dict[int, Stream]) -> pa.Table:
    """The cells whose `drop_at` lies after the L of their stream, which their key names."""
    limits = [playing[int(key[3:-2])].recorded_ms * 1000 for key in cells["key"].to_pylist()]
    drops = cells["drop_at"].cast(pa.int64()).to_pylist()
    is_kept = [drop > limit for drop, limit in zip(drops, limits, strict=True)]
    return cells.filter(pa.array(is_kept)).drop_columns(["drop_at", "ts"]).select([*GROUP, "events", *_slots(cells)])


def _slots(cells: pa.Table) -> list[str]:
    return [name for name in cells.column_names if name not in (*GROUP, "drop_at", "ts", "events")]


def _record(stream: Stream, panes: list[dict[str, int]], *, closing: bool) -> None:
    """Keeps the batch's ledger row; without a closing batch, as after a restart, L stays one batch behind."""
    found = tuple(Pane(p["partition"], p["pane"], p["events"], p["first_offset"], p["last_offset"]) for p in panes)
    batch = len(stream.rows)
    version = version_of(1, stream.number * 100 + batch)
    late_ms, watermark_ms = stream.recorded_ms, stream.watermark_ms
    row = LedgerRow(version, 1, "t", "id", 0, late_ms, watermark_ms, "f", "test", {}, (), found, pane_ms(SPEC))
    stream.rows.append(row)
    stream.watermark_ms = max(watermark_ms, *(p["greatest"] // 1000 - SPEC.smallest_delay_ms for p in panes))
    stream.recorded_ms = stream.watermark_ms if closing else watermark_ms
    stream.offset += len(stream.batches[batch])


def tables_by_stream(parts: pa.Table, corrections: pa.Table) -> dict[str, dict[Any, Any]]:
    """{service: {(metric, window start): values}}; sets come sorted."""
    parts = parts.append_column("version", pa.repeat(pa.scalar(1), len(parts)))
    parts = parts.append_column("batch_at", pa.repeat(pa.scalar(0, TIME), len(parts)))
    publisher = Publisher(SPEC)
    found: dict[str, dict[Any, Any]] = {}
    for name, rows in publisher.finish(publisher.merge(parts, corrections), 0).items():
        measures = [*SPEC.metrics[name].measures]
        for row in rows.to_pylist():
            found.setdefault(row["service"], {})[name, row["window_start"]] = [row[measure] for measure in measures]
    return found


def test_case_26_a_thousand_permutations() -> None:
    streams = [shuffled(seed) for seed in range(STREAMS)]
    parts, ledger = play_all(streams)
    plan = plan_reconcile(ERAS, ledger, frozenset())
    log = [records([line for batch in stream.batches for line in batch], stream.number) for stream in streams]
    _, corrections = compute_corrections(ERAS, plan, [pa.concat_tables(log)])
    found = tables_by_stream(parts, corrections)
    assert len(found) == STREAMS
    assert [service for service, rows in found.items() if rows != found["s0"]] == []
    assert len({late_events(stream) for stream in streams}) > 5  # they did lose different events on the way
    assert sum(late_events(stream) for stream in streams) == plan.events


def late_events(stream: Stream) -> int:
    return sum(pane.events for row in stream.rows for pane in row.late_panes(ERAS))


@pytest.mark.parametrize("seed", range(3))
def test_case_26_a_few_permutations_through_the_tables(tmp_path: Path, seed: int) -> None:
    player = Player(tmp_path, SPEC)
    dice = random.Random(seed)
    for batch in shuffled(seed).batches:
        player.play(*batch, closing=dice.random() < 0.5)
        player.restart()
    require_exact(player)
