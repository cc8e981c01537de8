"""Looks at all streams together: a handful of questions to the registry, however many they are, and heartbeats."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tideline.exporter.streams_seen import StreamSeen
from tideline.home import Home
from tideline.keeper.deployed import readable
from tideline.keeper.heartbeat import Heartbeat, read_heartbeat
from tideline.keeper.recording import failures_of
from tideline.keeper.restart_policy import Rules
from tideline.keeper.verdict import Thresholds
from tideline.registry.fleet_reads import keeper_looks
from tideline.registry.rows import Attempt, StreamRow
from tideline.registry.store import Registry
from tideline.spec.model import Driven

_HOUR_MS: Final = 3_600_000
_SAMPLED_MS: Final = 300_000
"""A sample that is older says nothing of now."""


def look_at_streams(home: Home, registry: Registry) -> tuple[StreamSeen, ...]:
    """All streams, by name; raises where the registry cannot be asked."""
    now = registry.now()
    current, ended = registry.current_attempts(), registry.ended_attempts()
    failed, samples = registry.attempts_ended_since(now - _HOUR_MS), registry.newest_samples(now - _SAMPLED_MS)
    looks = keeper_looks(registry)

    def look(row: StreamRow) -> StreamSeen:
        (spec, _), attempt = readable(row.spec), current.get(row.name)
        return StreamSeen(
            row,
            read_heartbeat(home.stream(row.name).heartbeat),
            samples.get(row.name),
            looks.get(row.name),
            ended.get(row.name, {}),
            failures_of(failed.get(row.name, ()), after=row.budget_after),
            proved=attempt is not None and attempt.stable_at is not None,
            rules=Rules.of(spec) if spec else None,
            pushes=spec is not None and spec.exporter.pushgateway is not None,
            proof_due=proof_due(row, attempt, spec),
        )

    return tuple(map(look, registry.streams()))


def proof_due(row: StreamRow, attempt: Attempt | None, spec: Driven | None) -> int | None:
    """By when (epoch ms) the driver of the attempt is to be proved. None where it has ended, and where two were lost on
    the way: the stream is in trouble then, whatever the third may do."""
    if spec is None or attempt is None or attempt.ended_at or row.losses > 1:
        return None
    return attempt.submitted_at + Thresholds.of(spec).prove_within_ms


def all_heartbeats(home: Home) -> Iterable[Heartbeat]:
    """Those of all streams that ever had a driver here."""
    files = sorted((home.root / "streams").glob("*/heartbeat.json"))
    return [beat for file in files if (beat := read_heartbeat(file)) is not None]
