"""Replays rejects that have become events: after a fix of the parser, a wider guard, a shorter quarantine list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from tideline.event_windows import Recomputation, recomputation, windows_at
from tideline.generations import Era
from tideline.home import Home
from tideline.quarantine import Quarantine, load_quarantine
from tideline.recompute import Window
from tideline.rejects import read_rejects, replayable
from tideline.stream_books import deployed_spec
from tideline.tables.books import read_eras, read_last_row
from tideline.tables.schemas import StreamTables

Recompute = Callable[[frozenset[Window]], int]
"""Recomputes whole windows from Kafka, as overrides; returns the rows that changed."""


@dataclass(frozen=True)
class Replay:
    """The rejects that are events now, by the reason they had, and what that asks for."""

    events: dict[str, int]
    needs: Recomputation


def plan_replay(home: Home, stream: str, reason: str | None = None) -> Replay:
    """Parses the kept bytes again by the deployed spec and today's quarantine list; writes nothing."""
    tables = StreamTables(home.tables(stream))
    eras = read_eras(tables, deployed_spec(home, stream))
    return plan_of(tables, eras, load_quarantine(home.stream(stream).quarantine), reason)


def plan_of(tables: StreamTables, eras: Sequence[Era], quarantine: Quarantine, reason: str | None = None) -> Replay:
    """Each era's windows by its own spec; an event of the newest spec counts as one."""
    windows: set[Window] = set()
    events: dict[str, int] = {}
    for era in eras:
        found = replayable(era.spec, read_rejects(tables, reason), quarantine)
        windows |= windows_at(era, found["event_time"].cast("int64").to_pylist())
        events = {row["values"]: row["counts"] for row in pc.value_counts(found["reason"]).to_pylist()}
    return Replay(events, recomputation(eras, frozenset(windows), read_last_row(tables)))


def replay_rejects(replay: Replay, recompute: Recompute) -> int:
    """Recomputes the closed windows of what has become an event; called again it leaves the same rows."""
    return recompute(replay.needs.closed) if replay.needs.closed else 0
