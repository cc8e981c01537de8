"""Late events and their corrections, by the windows that lost them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tideline.engine.cells import connect
from tideline.tables.delta import exists, open_dataset
from tideline.tables.schemas import StreamTables

_BY_WINDOW: Final = """
select metric, window_start, window_end, count(distinct key), count(*),
  count(*) filter (outcome = 'corrected'), count(*) filter (outcome = 'held'),
  count(*) filter (outcome = 'unrecoverable'), max(lateness_ms)
from read group by all order by window_end desc, metric limit $limit"""


@dataclass(frozen=True)
class LateWindow:
    """A window of a metric that lost events: of how many keys, how many, their fates, and by how much at most."""

    metric: str
    start: datetime
    end: datetime
    keys: int
    events: int
    corrected: int
    held: int
    unrecoverable: int
    most_ms: int | None


def late_windows(tables: StreamTables, limit: int) -> list[LateWindow]:
    """The newest windows with late events that a reconciliation has met; what still waits is in the books."""
    if not exists(tables.late_events):
        return []
    columns = ["metric", "window_start", "window_end", "key", "outcome", "lateness_ms"]
    connection = connect()
    connection.register("read", open_dataset(tables.late_events).scanner(columns=columns).to_reader())
    connection.execute("set timezone = 'UTC'")
    return [LateWindow(*row) for row in connection.execute(_BY_WINDOW, {"limit": limit}).fetchall()]
