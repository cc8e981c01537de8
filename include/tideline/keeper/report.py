"""How streams are, for `tideline status` and the page: the registry's word, and how far the data has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import OperationalError

from tideline.errors import UserError
from tideline.home import Home
from tideline.keeper.checkpoint_view import view_checkpoint
from tideline.keeper.deployed import readable, topics_of
from tideline.keeper.evidence import CheckpointView, backlog_of
from tideline.keeper.heartbeat import Heartbeat, read_heartbeat
from tideline.keeper.lifecycle import LIVE
from tideline.registry.rows import StreamRow, TransitionRow
from tideline.registry.store import Registry
from tideline.settings import Settings
from tideline.times import iso_ms, iso_watermark


@dataclass(frozen=True)
class StreamSeen:
    """What the registry has of a stream, and how far its data has come; `heartbeat` is of its own driver, while that
    lives. `backlog` is None while the broker cannot be asked; `unreadable` says why its spec cannot be read."""

    row: StreamRow
    checkpoint: CheckpointView
    backlog: int | None
    heartbeat: Heartbeat | None
    unreadable: str = ""

    @property
    def ui(self) -> str | None:
        """The address of the driver's Spark UI."""
        return self.heartbeat.ui if self.heartbeat else None

    @property
    def troubles(self) -> list[dict[str, object]]:
        """What fails in the running driver while the rest goes on, by its own word."""
        beat = self.heartbeat
        return [{**each, "since": iso_ms(each["since"])} for each in beat.troubles] if beat else []

    @property
    def told(self) -> list[str]:
        """A line for each thing that is amiss beside the state."""
        spec = "the keeper cannot look after it, this version cannot read its deployed spec: mend and deploy it again"
        fails = "{part} fails since {since}, the rest goes on: {reason}"
        lost = self.row.losses_told
        return [
            *([f"{spec}: {self.unreadable}"] if self.unreadable else []),
            *([lost] if lost else []),
            *(fails.format(**each) for each in self.troubles),
        ]

    def as_dict(self) -> dict[str, object]:
        row, seen = self.row, self.checkpoint
        return {
            "name": row.name,
            "desired": row.desired.value,
            "state": row.state.value,
            "reason": row.reason,
            "losses": row.losses,
            "epoch": row.epoch,
            "generation": row.generation,
            "batch": seen.last_commit,
            "backlog": self.backlog,
            "watermark": iso_watermark(seen.watermark),
            "troubles": self.troubles,
            "told": self.told,
            "ui": self.ui,
        }


def stream_rows(home: Home, settings: Settings) -> list[dict[str, object]]:
    """A row a stream; `backlog` is None while the broker cannot be asked, UserError while the database cannot."""
    with open_registry(settings) as registry:
        rows = registry.streams()
    ends = ask_log_ends(settings, rows)
    return [see(home, ends, row).as_dict() for row in rows]


def recent_transitions(settings: Settings, stream: str, limit: int = 20) -> list[TransitionRow]:
    """The stream's newest transitions, newest first; UserError while the database cannot be asked."""
    with open_registry(settings) as registry:
        return registry.transitions(stream, limit)


LogEnds = Mapping[str, Mapping[int, int]]
"""End offsets by topic and partition."""


@contextmanager
def open_registry(settings: Settings) -> Iterator[Registry]:
    """The registry; UserError while the database cannot be asked."""
    registry = Registry.connect(settings.registry_url)
    try:
        yield registry
    except OperationalError as error:
        where = f"{settings.hosts.database}:{settings.ports.database}"
        raise UserError(f"no database answers at {where}", "start the platform with `tideline up`") from error
    finally:
        registry.close()


def see(home: Home, ends: LogEnds, row: StreamRow) -> StreamSeen:
    """One stream, by its files and the offsets that were asked for."""
    spec, unreadable = readable(row.spec)
    topic = spec.topic if spec else None
    log_ends = None if topic is None else ends.get(topic)
    seen = view_checkpoint(home.stream(row.name).checkpoint(row.generation), topic)
    beat = read_heartbeat(home.stream(row.name).heartbeat)
    own = beat if beat is not None and beat.epoch == row.epoch and row.state in LIVE else None
    return StreamSeen(row, seen, None if log_ends is None else backlog_of(seen, log_ends), own, unreadable)


def ask_log_ends(settings: Settings, rows: Sequence[StreamRow]) -> LogEnds:
    """Of all topics in one question; none while the broker cannot be asked."""
    from tideline.kafka_io import end_offsets_of

    topics = topics_of(rows)
    try:
        return end_offsets_of(settings.kafka, topics) if topics else {}
    except UserError:
        return {}
