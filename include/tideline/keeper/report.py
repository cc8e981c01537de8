"""How streams are, for `tideline status` and the page: the registry's word, and how far the data has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.exc import OperationalError

from tideline.errors import UserError
from tideline.home import Home
from tideline.keeper.checkpoint_view import UNREADABLE, view_checkpoint
from tideline.keeper.deployed import readable, topics_of
from tideline.keeper.evidence import CheckpointView, backlog_of
from tideline.keeper.heartbeat import Heartbeat, read_heartbeat
from tideline.keeper.lifecycle import LIVE
from tideline.registry.fleet_reads import keeper_looks
from tideline.registry.rows import StreamRow, TransitionRow
from tideline.registry.store import Registry
from tideline.settings import Settings
from tideline.times import iso_ms, iso_watermark

QUIET_MS: Final = 90_000
"""A keeper looks every minute, and a driver gives its word every two seconds."""
AWAY_MS: Final = 300_000
"""How long a driver that gives its word may be without a keeper's look."""


@dataclass(frozen=True)
class StreamSeen:
    """What the registry has of a stream, and how far its data has come; `heartbeat` is of its own driver, while that
    lives. `backlog` is None while the broker cannot be asked; `unreadable` says why its spec cannot be read, `damaged`
    why its checkpoint cannot. Seen `at` (epoch ms), and by a keeper last at `looked_at`, which is None where none ever
    looked at a driver of it."""

    row: StreamRow
    checkpoint: CheckpointView
    backlog: int | None
    heartbeat: Heartbeat | None
    at: int
    looked_at: int | None
    unreadable: str = ""
    damaged: str = ""

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
    def is_out_of_sight(self) -> bool:
        """Whether a driver that shall run is silent and no keeper looks: it may be gone, and its state of the past."""
        return self.row.state in LIVE and self.at - max(self._word_at, self._kept_at) > QUIET_MS

    @property
    def is_unkept(self) -> bool:
        """Whether no keeper looks at a driver that shall run."""
        return self.is_out_of_sight or (self.row.state in LIVE and self.at - self._kept_at > AWAY_MS)

    @property
    def _word_at(self) -> int:
        return self.heartbeat.at if self.heartbeat else self.row.state_since

    @property
    def _kept_at(self) -> int:
        return self.row.kept_at(self.looked_at)

    @property
    def _away(self) -> str:
        silent = f"its driver has given no word since {_second(self._word_at)}, and " if self.is_out_of_sight else ""
        return f"{silent}no keeper has looked at it since {_second(self._kept_at)}: does the DAG `keep_streams` run?"

    @property
    def told(self) -> list[str]:
        """A line for each thing that is amiss beside the state."""
        spec = "the keeper cannot look after it, this version cannot read its deployed spec: mend and deploy it again"
        fails = "{part} fails since {since}, the rest goes on: {reason}"
        lost = self.row.losses_told
        return [
            *([self._away] if self.is_unkept else []),
            *([f"{spec}: {self.unreadable}"] if self.unreadable else []),
            *([f"its checkpoint cannot be read, `tideline doctor` tells more: {self.damaged}"] if self.damaged else []),
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
        rows, looks, now = registry.streams(), keeper_looks(registry), registry.now()
    ends = ask_log_ends(settings, rows)
    return [see(home, ends, looks, row, now).as_dict() for row in rows]


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


def see(home: Home, ends: LogEnds, looks: Mapping[str, int], row: StreamRow, now: int) -> StreamSeen:
    """One stream, by its files, and by the offsets and keepers' looks (epoch ms) that were asked for."""
    spec, unreadable = readable(row.spec)
    topic = spec.topic if spec else None
    log_ends = None if topic is None else ends.get(topic)
    seen, damaged = _view(home.stream(row.name).checkpoint(row.generation), topic)
    beat = read_heartbeat(home.stream(row.name).heartbeat)
    own = beat if beat is not None and beat.epoch == row.epoch and row.state in LIVE else None
    backlog = None if log_ends is None or damaged else backlog_of(seen, log_ends)
    return StreamSeen(row, seen, backlog, own, now, looks.get(row.name), unreadable, damaged)


def _view(folder: Path, topic: str | None) -> tuple[CheckpointView, str]:
    """The checkpoint, and why it cannot be read, if it cannot: one that is damaged hides no other stream."""
    try:
        return view_checkpoint(folder, topic), ""
    except UNREADABLE as error:
        return CheckpointView(), " ".join(str(error).split()) or type(error).__name__


def ask_log_ends(settings: Settings, rows: Sequence[StreamRow]) -> LogEnds:
    """Of all topics in one question; none while the broker cannot be asked."""
    from tideline.kafka_io import end_offsets_of

    topics = topics_of(rows)
    try:
        return end_offsets_of(settings.kafka, topics) if topics else {}
    except UserError:
        return {}


def _second(milliseconds: int) -> str:
    """Without the fraction, which tells nobody anything."""
    return iso_ms(milliseconds // 1000 * 1000)
