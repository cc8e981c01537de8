"""A deployed stream whose tables raise late alerts and anomalies when a test says so."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from support.keeper_world import STREAM, World
from tideline.anomalies import Judgement, Moment
from tideline.notify.collect import collect
from tideline.notify.tell import Channel, tell
from tideline.tables.anomalies import commit_anomalies
from tideline.tables.late_alerts import LATE_ALERTS, commit_late_alerts
from tideline.tables.schemas import StreamTables

MINUTE_MS: Final = 60_000
HOUR_US: Final = 3_600_000_000


class Shop:
    """A stream, its tables, and the registry that what they raise is counted in."""

    def __init__(self, root: Path) -> None:
        self.world = World(root)
        self.world.deploy()
        self.tables = StreamTables(self.world.home.tables(STREAM))

    def judge(self, kind: str, *keys: str, found: bool = True, ago: float = 0) -> None:
        """A detector's word on windows of a minute ago, by a batch of so many seconds ago."""
        at = self.world.clock.now * 1000 - int(ago * 1e6)
        end = self.world.clock.now // MINUTE_MS * MINUTE_MS * 1000
        groups = {(end, key) for key in keys}
        rows = [
            {"window_end": end, "window_start": end - MINUTE_MS * 1000, "key": key, "observed": 61.5, "expected": 4.5}
            for key in keys
        ]
        said = [row | {"score": 9.0} for row in rows] if found else []
        commit_anomalies(self.tables, lambda: [Judgement(kind, "clicks", groups, said)], Moment(at, 1))

    def alert(self, key: str, count: int = 6, ago: float = 0) -> None:
        """So many late events of a key, the sixth of them in a batch of so many seconds ago."""
        at = self.world.clock.now * 1000 - int(ago * 1e6)
        hour = at // HOUR_US * HOUR_US
        row: dict[str, Any] = {"alert_column": "user_id", "alert_key": key, "more_than": 5, "late_event_count": count}
        row |= {"window_start": hour, "window_end": hour + HOUR_US, "earliest_late_event": hour + 1_000_000}
        commit_late_alerts(self.tables, _table([row | {"raised_at": at, "as_of": at}]))

    def tell(self, *channels: Channel) -> None:
        tell(self.world.registry, channels, self.collect)

    def collect(self, streams: Iterable[str] = (STREAM,)) -> None:
        collect(self.world.home, self.world.registry, streams)

    @property
    def counts(self) -> dict[str, int]:
        return {each.kind.name: each.count for each in self.world.registry.raised.since(0).get(STREAM, [])}


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    plain = [pa.field(each.name, pa.int64() if pa.types.is_timestamp(each.type) else each.type) for each in LATE_ALERTS]
    return pa.Table.from_pylist(rows, pa.schema(plain)).cast(LATE_ALERTS)
