"""What a backfill of a deployed stream would do now: nothing is written, and no record is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tideline.backfill import require_unexpired
from tideline.errors import UserError
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import earliest_offsets, end_offsets
from tideline.plan_view import BackfillPreview, preview_backfill
from tideline.spec.model import StreamSpec
from tideline.stream_ledger import open_ledger
from tideline.tables.books import read_ledger


def look_at_backfill(
    home: Home,
    kafka: KafkaAccess,
    spec: StreamSpec,
    between: tuple[datetime, datetime],
    progress: Callable[[str], None] = lambda _: None,
) -> BackfillPreview:
    """Of the windows that begin in [from, to); a broker that does not answer is told to `progress`."""
    books = open_ledger(home, spec)
    require_unexpired(books.tables, books.eras, *between)
    held = _held(kafka, spec.source.topic, progress)
    return preview_backfill(books.eras, read_ledger(books.tables), between, held, books.gaps)


def _held(
    kafka: KafkaAccess, topic: str, progress: Callable[[str], None]
) -> tuple[dict[int, int], dict[int, int]] | None:
    """Earliest and end offsets of the topic; None when the broker does not answer."""
    try:
        return earliest_offsets(kafka, topic), end_offsets(kafka, topic)
    except UserError as error:
        progress(f"which offsets Kafka still holds is not known: {error.message}")
        return None
