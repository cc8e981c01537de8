"""Sees within seconds when a stream that declares a late alert has dropped something, by its driver's own word."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tideline.clock import now_ms
from tideline.home import Home
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.heartbeat import read_heartbeat
from tideline.logs.context import about
from tideline.registry.rows import StreamRow
from tideline.registry.store import Registry
from tideline.spec.job import JobSpec

AT_MOST_EVERY_MS = 60_000
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LateNotice:
    """A stream whose batch `version` dropped events."""

    stream: str
    version: int


@dataclass
class Notices:
    """Lets a batch's notice through once, and of a stream one in `AT_MOST_EVERY_MS`: what comes sooner waits."""

    told: dict[str, tuple[int, int]] = field(default_factory=dict)

    def fresh(self, late: Mapping[str, int], now: int) -> list[LateNotice]:
        """`late` is the newest version by stream that dropped something."""
        due = [
            LateNotice(stream, version) for stream, version in sorted(late.items()) if self._due(stream, version, now)
        ]
        self.told |= {notice.stream: (notice.version, now) for notice in due}
        return due

    def _due(self, stream: str, version: int, now: int) -> bool:
        told, at = self.told.get(stream, (-1, now - AT_MOST_EVERY_MS))
        return version > told and now - at >= AT_MOST_EVERY_MS


class LateWatch:
    """Looks at all streams together; made to be called every second or two."""

    def __init__(self, registry: Registry, home: Home, clock: Callable[[], int] = now_ms) -> None:
        self._registry = registry
        self._home = home
        self._clock = clock
        self._notices = Notices()

    def fresh_notices(self) -> list[LateNotice]:
        """The streams to reconcile now; those without an alert wait for their schedule."""
        found = {row.name: self._late_version(row) for row in self._registry.streams()}
        late = {name: version for name, version in found.items() if version is not None}
        return self._notices.fresh(late, self._clock())

    def _late_version(self, row: StreamRow) -> int | None:
        try:
            spec = parse_deployed(row.spec)
            if isinstance(spec, JobSpec) or spec.late_data.alert is None:
                return None
            beat = read_heartbeat(self._home.stream(row.name).heartbeat)
        except Exception:
            with about(stream=row.name):
                log.exception("%s cannot be looked at", row.name)
            return None
        return beat.late_version if beat else None
