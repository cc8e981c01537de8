"""Waits on real evidence: heartbeats, transitions, ledger and broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tideline.errors import UserError
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import end_offsets
from tideline.keeper.heartbeat import read_heartbeat
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


def first_batch_of_epoch_after(home: Home, stream: str, epoch: int) -> Callable[[], int | None]:
    """When (epoch ms) a driver of a later epoch completed a batch."""

    def look() -> int | None:
        beat = read_heartbeat(home.stream(stream).heartbeat)
        return beat.batch_at if beat and beat.epoch > epoch else None

    return look


def all_ledgered(home: Home, kafka: KafkaAccess, spec: StreamSpec) -> Callable[[], LedgerRow | None]:
    """The last ledger row, once the ledger has reached the end of the topic."""

    def look() -> LedgerRow | None:
        ledger = _complete_ledger(home, kafka, spec)
        return ledger[-1] if ledger else None

    return look


def settled(home: Home, kafka: KafkaAccess, spec: StreamSpec) -> Callable[[], LedgerRow | None]:
    """As `all_ledgered`, and the watermark has come to where the greatest event time puts it."""

    def look() -> LedgerRow | None:
        ledger = _complete_ledger(home, kafka, spec)
        return ledger[-1] if ledger and ledger[-1].watermark_ms >= _final_watermark_ms(ledger, spec) else None

    return look


def _complete_ledger(home: Home, kafka: KafkaAccess, spec: StreamSpec) -> list[LedgerRow]:
    """The ledger, once it has reached the end of the topic; empty until then."""
    ledger = read_ledger(StreamTables(home.tables(spec.name)))
    ends = end_offsets(kafka, spec.source.topic)
    reached = {part.partition: part.end for part in ledger[-1].ranges} if ledger else {}
    return ledger if all(reached.get(partition, 0) >= end for partition, end in ends.items()) else []


def _final_watermark_ms(ledger: list[LedgerRow], spec: StreamSpec) -> int:
    greatest = max((part.greatest for row in ledger for part in row.ranges if part.greatest is not None), default=0)
    return greatest // 1000 - spec.smallest_delay_ms
