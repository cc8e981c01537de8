"""What a driver makes sure of before its query starts: topic, checkpoint, cut and ledger belong together."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pyarrow.compute as pc

from tideline.begin import Start, begin_generation
from tideline.checkpoint import CheckpointLog
from tideline.clock import now_ms
from tideline.generations import Cut, Era, eras_of
from tideline.home import Home
from tideline.isolation import require_isolation
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import earliest_offsets, end_offsets
from tideline.ledger import LedgerRow, require_same_topic
from tideline.quarantine import Quarantine, load_quarantine
from tideline.rejects import quarantine_at_start
from tideline.spec.model import StreamSpec
from tideline.starting_offsets import first_offsets
from tideline.stream_books import StreamBooks, close_gaps, reader
from tideline.tables.books import read_cuts, read_last_row, read_parts
from tideline.tables.schemas import StreamTables
from tideline.troubles import Attempt, must
from tideline.versions import version_of
from tideline_spark.exits import StateLost

log = logging.getLogger(__name__)
_FIX = "its state is lost; `tideline deploy --new-generation` goes on where the ledger ends"


@dataclass(frozen=True)
class Begun:
    """What a query starts with: its generation's cut, the stream's eras, and the quarantine list as it obeys it."""

    cut: Cut
    eras: tuple[Era, ...]
    quarantine: Quarantine


def begin_stream(
    home: Home, spec: StreamSpec, generation: int, kafka: KafkaAccess, topic_id: str, attempt: Attempt = must
) -> Begun:
    """Makes or finds the generation's cut; batches that lost their ledger row have it again.

    TopicChanged, IsolationDiffers, StateLost, Superseded or SpecChanged when the stream cannot go on like this.
    """
    tables = StreamTables(home.tables(spec.name))
    checkpoint = CheckpointLog(home.stream(spec.name).checkpoint(generation))
    last = read_last_row(tables)
    rows = [last] if last else []
    require_same_topic(rows, topic_id)
    require_isolation(rows, spec.source.isolation)
    require_checkpoint(last, checkpoint, generation)
    require_parts(tables, spec, last, checkpoint, generation)
    quarantine = load_quarantine(home.stream(spec.name).quarantine)
    read = reader(kafka, spec, quarantine)
    cuts = read_cuts(tables)
    if cuts:  # a cut, and what it takes over, are made from the ledger
        close_gaps(home, StreamBooks(spec, tables, eras_of(cuts), read), topic_id, only_between=True)
    earliest = earliest_offsets(kafka, spec.source.topic)
    first = {} if cuts else first_offsets(spec.source, earliest, end_offsets(kafka, spec.source.topic))
    start = Start(generation, spec, topic_id, earliest, now_ms(), first)
    cut, eras = begin_generation(tables, start, read, quarantine, attempt=attempt)
    gaps = close_gaps(home, StreamBooks(spec, tables, eras, read), topic_id)
    if gaps:
        log.warning("ledger rows were missing and are written again: %s", ", ".join(map(str, gaps)))
        last = read_last_row(tables)
    return Begun(cut, eras, quarantine_at_start(tables, quarantine, last))


def require_checkpoint(last: LedgerRow | None, checkpoint: CheckpointLog, generation: int) -> None:
    """Refuses to begin again at batch 0 under a generation that has batches in the ledger."""
    planned = checkpoint.last_offsets()
    if last is not None and last.generation == generation and (planned is None or planned < last.batch):
        raise StateLost(
            f"generation {generation} has batches up to {last.batch} in the ledger, its checkpoint ends at {planned}: "
            + _FIX
        )


def require_parts(
    tables: StreamTables, spec: StreamSpec, last: LedgerRow | None, checkpoint: CheckpointLog, generation: int
) -> None:
    """Refuses to go on when the checkpoint has committed batches of which the tables hold neither row nor parts.

    The state has their events, and nobody would publish them. A ledger row alone can be written again.
    """
    done = checkpoint.last_commit()
    known = last.batch if last is not None and last.generation == generation else -1
    if done is None or done <= known:
        return
    behind = version_of(generation, known + 1) - 1
    if not len(read_parts(tables, spec, pc.field("version") > behind)) and _have_records(checkpoint, known, done):
        raise StateLost(
            f"generation {generation} has committed batches up to {done}, the tables end at {known}: {_FIX}"
        )


def _have_records(checkpoint: CheckpointLog, known: int, done: int) -> bool:
    """Whether the batches after `known` read anything; an entry that is gone may have."""
    before, after = checkpoint.starts(known + 1), checkpoint.offsets(done)
    return before is None or after is None or before != after.ends
