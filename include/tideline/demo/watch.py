"""Waits on real evidence: heartbeats, transitions, ledger and broker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tideline.errors import UserError
from tideline.home import Home
from tideline.kafka_io import end_offsets
from tideline.ledger import LedgerRow
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_ledger
from tideline.tables.schemas import StreamTables

T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T | None], seconds: float, pause: float = 0.3) -> T:
    """What `look` finds, once it finds something; UserError names `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(pause)
    raise UserError(f"{what} did not happen within {seconds:.0f} s", "look at `tideline status` and the driver's log")


def heartbeat(home: Home, stream: str) -> dict[str, Any]:
    """The driver's last word, empty before its first."""
    try:
        found: dict[str, Any] = json.loads(home.stream(stream).heartbeat.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found


def first_batch_of_epoch_after(home: Home, stream: str, epoch: int) -> Callable[[], int | None]:
    """When (epoch ms) a driver of a later epoch completed a batch."""

    def look() -> int | None:
        beat = heartbeat(home, stream)
        return int(beat["batch_at"]) if beat.get("epoch", 0) > epoch and beat.get("batch_at") else None

    return look


def all_ledgered(home: Home, bootstrap: str, spec: StreamSpec) -> Callable[[], LedgerRow | None]:
    """The last ledger row, once the ledger has reached the end of the topic."""

    def look() -> LedgerRow | None:
        ledger = read_ledger(StreamTables(home.tables(spec.name)))
        ends = end_offsets(bootstrap, spec.source.topic)
        reached = {part.partition: part.end for part in ledger[-1].ranges} if ledger else {}
        return ledger[-1] if ledger and all(reached.get(p, 0) >= end for p, end in ends.items()) else None

    return look


def settled(home: Home, bootstrap: str, spec: StreamSpec) -> Callable[[], LedgerRow | None]:
    """As `all_ledgered`, and the watermark has come to where the greatest event time puts it."""
    reached = all_ledgered(home, bootstrap, spec)

    def look() -> LedgerRow | None:
        row = reached()
        return row if row and row.watermark_ms >= _final_watermark_ms(home, spec) else None

    return look


def _final_watermark_ms(home: Home, spec: StreamSpec) -> int:
    ledger = read_ledger(StreamTables(home.tables(spec.name)))
    greatest = max((part.greatest for row in ledger for part in row.ranges if part.greatest is not None), default=0)
    return greatest // 1000 - spec.smallest_delay_ms
