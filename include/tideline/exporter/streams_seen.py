"""What the registry and the heartbeats say of all streams, as series and as scrape targets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from tideline.exporter import catalogue as series
from tideline.exporter.exposition import Exposition
from tideline.keeper.failures import Failure, FailureClass
from tideline.keeper.heartbeat import Heartbeat
from tideline.keeper.lifecycle import LIVE, Desired, State
from tideline.keeper.recording import REPLACED
from tideline.keeper.restart_policy import Rules, budget_left
from tideline.keeper.samples import Sample
from tideline.keeper.verdict import WELL, Kind, Severity
from tideline.registry.rows import StreamRow

FRESH_MS: Final = 15_000
"""A heartbeat that is older tells of a driver that may be gone: it counts only while the registry calls it live."""
_KINDS: Final[Mapping[str, Kind]] = {kind.value: kind for kind in Kind}
OUTCOMES: Final = (*(kind.value for kind in FailureClass), REPLACED)


@dataclass(frozen=True)
class StreamSeen:
    """One stream: its row, its driver's heartbeat, the newest sample if it is of now, when a keeper last looked at a
    driver (epoch ms), and how its drivers ended; `proved` says whether the present one was STABLE, which it is to be
    by `proof_due` (epoch ms). `rules` are None where the spec cannot be read, and a driver
    that `pushes` is not scraped: its series would be there twice."""

    row: StreamRow
    beat: Heartbeat | None = None
    sample: Sample | None = None
    looked_at: int | None = None
    ended: Mapping[str, int] = field(default_factory=dict)
    failures: Sequence[Failure] = ()
    proved: bool = False
    rules: Rules | None = None
    pushes: bool = False
    proof_due: int | None = None


def tell_streams(exposition: Exposition, seen: Iterable[StreamSeen], now: int) -> None:
    for each in seen:
        _tell(exposition, each, now)


def _tell(exposition: Exposition, seen: StreamSeen, now: int) -> None:
    row, stream = seen.row, seen.row.name
    for state in State:
        exposition.tell(series.STREAM_STATE, state is row.state, stream=stream, state=state)
    for desired in Desired:
        exposition.tell(series.STREAM_DESIRED, desired is row.desired, stream=stream, desired=desired)
    exposition.tell_seconds(series.STREAM_SINCE, row.state_since, stream=stream)
    verdict = verdict_of(row)
    if verdict is not None:
        exposition.tell(series.STREAM_VERDICT, 1, stream=stream, verdict=verdict[0], severity=verdict[1])
    exposition.tell_seconds(series.PROOF_DUE, seen.proof_due, stream=stream)
    exposition.tell(series.STREAM_EPOCH, row.epoch, stream=stream)
    exposition.tell(series.STREAM_GENERATION, row.generation, stream=stream)
    for outcome in OUTCOMES:
        exposition.tell(series.ATTEMPTS_ENDED, seen.ended.get(outcome, 0), stream=stream, outcome=outcome)
    if seen.rules is not None:
        failures = () if seen.proved else seen.failures
        exposition.tell(series.BUDGET_LEFT, budget_left(failures, seen.rules, now), stream=stream)
    exposition.tell_seconds(series.HEARTBEAT, seen.beat.at if seen.beat else None, stream=stream)
    exposition.tell_seconds(series.KEEPER_LOOKED, row.kept_at(seen.looked_at), stream=stream)
    of_a_driver = seen.sample if row.state in LIVE else None
    exposition.tell(series.STREAM_BACKLOG, of_a_driver.backlog if of_a_driver else None, stream=stream)
    exposition.tell(series.STREAM_UNREAD, seen.sample.unread if seen.sample else None, stream=stream)


def verdict_of(row: StreamRow) -> tuple[Kind, str] | None:
    """The verdict on the running driver and its severity, as the row's reason begins with it; None where none runs."""
    if row.state not in LIVE:
        return None
    label = row.reason.partition(": ")[0]
    name = label.removesuffix(" (page)")
    kind = _KINDS.get(name, Kind.STARTING if row.state is State.STARTING else None)
    if kind is None:
        return None
    return kind, Severity.PAGE if label != name else "none" if kind in WELL else Severity.WARN


def targets(seen: Iterable[StreamSeen]) -> list[dict[str, Any]]:
    """The running drivers for Prometheus' HTTP service discovery: those of streams that the registry calls live."""
    return [
        _target(beat)
        for each in seen
        if (beat := each.beat) and beat.metrics and beat.epoch == each.row.epoch and each.row.state in LIVE
        if not each.pushes
    ]


def targets_by_heartbeat(beats: Iterable[Heartbeat], now: int) -> list[dict[str, Any]]:
    """The same while the registry cannot be asked: those that gave their word a moment ago."""
    return [_target(beat) for beat in beats if beat.metrics and now - beat.at <= FRESH_MS]


def _target(beat: Heartbeat) -> dict[str, Any]:
    return {"targets": [urlsplit(beat.metrics or "").netloc], "labels": {"stream": beat.stream}}
