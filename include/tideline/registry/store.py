"""Reads and writes the registry. Every write compares before it swaps, so whoever comes too late is told."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, Select, case, create_engine, delete, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from tideline.keeper.lifecycle import State, check
from tideline.keeper.samples import KEPT_MS, Sample
from tideline.registry import tables
from tideline.registry.announced import AnnouncedBook
from tideline.registry.clock import Clock, database_clock
from tideline.registry.convert import attempt_row, stream_row, transition_row, transition_values
from tideline.registry.lease import Leases
from tideline.registry.notices import NoticeBook
from tideline.registry.raised import RaisedBook
from tideline.registry.requests import Request, write_request
from tideline.registry.rows import (
    Attempt,
    Move,
    SpecRow,
    StaleEpoch,
    StaleState,
    StreamRow,
    TransitionRow,
    UnknownStream,
)
from tideline.registry.upsert import put

CUT_OFF_S = 60
"""After which a server that cannot be reached is given up: without it, what waits for its answer waits for hours."""

_OF_A_REQUEST = frozenset({"prove_by", "probes", "budget_after", "losses", "lost"})
_STREAM_COLUMNS = [tables.streams.c[name] for name in StreamRow.__dataclass_fields__]


class Registry:
    """The registry over one database."""

    def __init__(self, engine: Engine, clock: Clock = database_clock) -> None:
        self._engine = engine
        # One statement needs no transaction around it, which would be two more trips to the server.
        self._reads = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._clock = clock
        self.leases = Leases(engine, clock)
        self.notices = NoticeBook(engine, clock)
        self.announced = AnnouncedBook(engine)
        self.raised = RaisedBook(engine, clock)

    @classmethod
    def connect(cls, url: str, within_s: int | None = None) -> Registry:
        """Connects on first use; a connection that the server has dropped is replaced, not reported.

        A PostgreSQL that does not connect, or answer a question, `within_s` seconds is an OperationalError; by default
        an answer is waited for, for as long as the server can be reached.
        """
        limits = _reached(CUT_OFF_S) if within_s is None else _reached(within_s) | _answered(within_s)
        return cls(create_engine(url, pool_pre_ping=True, pool_size=1, max_overflow=2, connect_args=limits))

    def close(self) -> None:
        self._engine.dispose()

    def now(self) -> int:
        with self._reads.connect() as connection:
            return self._clock(connection)

    def read(self, statement: Select[Any]) -> list[tuple[Any, ...]]:
        """The rows of a question over all streams: see `tideline.registry.fleet_reads`."""
        with self._reads.connect() as connection:
            return [tuple(row) for row in connection.execute(statement)]

    def streams(self) -> list[StreamRow]:
        """All streams, by name."""
        statement = select(*_STREAM_COLUMNS).order_by(tables.streams.c.name)
        with self._reads.connect() as connection:
            return [stream_row(row) for row in connection.execute(statement)]

    def stream(self, name: str) -> StreamRow:
        with self._reads.connect() as connection:
            return _read(connection, name)

    def request(self, request: Request) -> StreamRow:
        """Sets what is wanted of a stream; a spec makes the stream known, and a change is a new request."""
        try:
            return self._request(request)
        except IntegrityError:  # another has made the same stream known just now
            return self._request(request)

    def _request(self, request: Request) -> StreamRow:
        with self._engine.begin() as connection:
            write_request(connection, request, self._clock(connection))
            return _read(connection, request.stream)

    def raise_epoch(self, name: str, expected: int, floor: int = 0, generation: int | None = None) -> int:
        """The next epoch above both `expected` and `floor`; StaleEpoch if the epoch is no longer `expected`.

        With it the stream's `generation` is set, where one is given.
        """
        raised = max(expected, floor) + 1
        which = (tables.streams.c.name == name, tables.streams.c.epoch == expected)
        begun = {} if generation is None else {"generation": generation}
        with self._engine.begin() as connection:
            now = self._clock(connection)
            statement = update(tables.streams).where(*which).values(epoch=raised, updated_at=now, **begun)
            if connection.execute(statement).rowcount != 1:
                found = _read(connection, name).epoch
                raise StaleEpoch(f"{name}: epoch {expected} was expected, but it is {found}")
        return raised

    def record(self, before: StreamRow, move: Move, attempt: Attempt | None = None, **columns: Any) -> StreamRow:
        """Moves a stream from where `before` saw it; the transition, an attempt, new or as it is then, and `columns` go
        with it."""
        check(before.state, move.to)
        with self._engine.begin() as connection:
            now = self._clock(connection)
            values = {"state": move.to, "reason": move.reason, "retry_at": move.retry_at, "state_since": now}
            self._swap(connection, before, {**values, **columns, "updated_at": now})
            connection.execute(insert(tables.transitions).values(**transition_values(before, move), at=now))
            if attempt is not None:
                put(connection, tables.attempts, vars(attempt))
            if columns.get("stable_spec"):
                _mark_spec(connection, before.name, columns["stable_spec"], stable_at=now)
            if columns.get("refused"):
                _mark_spec(connection, before.name, before.spec, refused=columns["refused"])
            return _read(connection, before.name)

    def _swap(self, connection: Connection, before: StreamRow, values: dict[str, Any]) -> None:
        column = tables.streams.c
        which = [column.name == before.name, column.state == before.state, column.epoch == before.epoch]
        same_request = column.requested == before.requested
        if "spec" in values:  # nobody has asked for another one meanwhile
            which.append(same_request)
        for name in _OF_A_REQUEST & values.keys():  # one that was made meanwhile has said these itself
            values[name] = case((same_request, literal(values[name], column[name].type)), else_=column[name])
        if connection.execute(update(tables.streams).where(*which).values(**values)).rowcount != 1:
            raise StaleState(f"{before.name}: no longer {before.state} at epoch {before.epoch}; look again")

    def attempt(self, stream: str, epoch: int) -> Attempt | None:
        which = (tables.attempts.c.stream == stream, tables.attempts.c.epoch == epoch)
        with self._reads.connect() as connection:
            row = connection.execute(select(tables.attempts).where(*which)).one_or_none()
        return attempt_row(row) if row else None

    def attempts(self, stream: str, limit: int = 50) -> list[Attempt]:
        """The newest attempts, newest first."""
        which = tables.attempts.c.stream == stream
        newest = select(tables.attempts).where(which).order_by(tables.attempts.c.epoch.desc()).limit(limit)
        with self._reads.connect() as connection:
            return [attempt_row(row) for row in connection.execute(newest)]

    def current_attempts(self) -> dict[str, Attempt]:
        """Each stream's attempt of its current epoch, by the stream's name."""
        column = tables.attempts.c
        current = (tables.streams.c.name == column.stream) & (tables.streams.c.epoch == column.epoch)
        statement = select(tables.attempts).join(tables.streams, current)
        with self._reads.connect() as connection:
            return {row.stream: attempt_row(row) for row in connection.execute(statement)}

    def ended_attempts(self) -> dict[str, dict[str, int]]:
        """How many attempts ended with each outcome, by stream."""
        column = tables.attempts.c
        statement = (
            select(column.stream, column.outcome, func.count())
            .where(column.ended_at.is_not(None), column.outcome.is_not(None))
            .group_by(column.stream, column.outcome)
        )
        found: dict[str, dict[str, int]] = {}
        with self._reads.connect() as connection:
            for stream, outcome, count in connection.execute(statement):
                found.setdefault(stream, {})[outcome] = count
        return found

    def attempts_ended_since(self, since: int) -> dict[str, list[Attempt]]:
        """Attempts of all streams that ended after `since` (epoch ms), newest first, by stream."""
        column = tables.attempts.c
        statement = select(tables.attempts).where(column.ended_at > since).order_by(column.epoch.desc())
        found: dict[str, list[Attempt]] = {}
        with self._reads.connect() as connection:
            for row in connection.execute(statement):
                found.setdefault(row.stream, []).append(attempt_row(row))
        return found

    def newest_samples(self, since: int) -> dict[str, Sample]:
        """What was seen last of each stream, of what was seen after `since` (epoch ms)."""
        column = tables.samples.c
        names = (column[name] for name in ("stream", *Sample.__dataclass_fields__))
        statement = select(*names).where(column.at > since).order_by(column.at)
        with self._reads.connect() as connection:
            rows = [dict(row._mapping) for row in connection.execute(statement)]
        return {row.pop("stream"): Sample(**row) for row in rows}

    def add_sample(self, stream: str, sample: Sample) -> None:
        """Keeps what was seen, and forgets what is older than a day; of two looks at one time one is kept."""
        column = tables.samples.c
        old = (column.stream == stream) & (column.at <= sample.at - KEPT_MS)
        with suppress(IntegrityError), self._engine.begin() as connection:
            connection.execute(delete(tables.samples).where(old))
            connection.execute(insert(tables.samples).values(stream=stream, **vars(sample)))

    def samples(self, stream: str, since: int) -> tuple[Sample, ...]:
        """What was seen of a stream after `since` (epoch ms), oldest first."""
        column = tables.samples.c
        statement = (
            select(*(column[name] for name in Sample.__dataclass_fields__))
            .where(column.stream == stream, column.at > since)
            .order_by(column.at)
        )
        with self._reads.connect() as connection:
            return tuple(Sample(**row._mapping) for row in connection.execute(statement))

    def specs(self, stream: str, limit: int = 50) -> list[SpecRow]:
        """The newest specs that were asked for, newest first."""
        which = tables.specs.c.stream == stream
        newest = select(tables.specs).where(which).order_by(tables.specs.c.number.desc()).limit(limit)
        with self._reads.connect() as connection:
            return [SpecRow(**row._mapping) for row in connection.execute(newest)]

    def transitions(self, stream: str, limit: int = 50, to: State | None = None) -> list[TransitionRow]:
        """The newest transitions, or the newest to one state, newest first."""
        column = tables.transitions.c
        which = (column.stream == stream, *([column.to_state == to] if to else []))
        newest = select(tables.transitions).where(*which).order_by(tables.transitions.c.id.desc()).limit(limit)
        with self._reads.connect() as connection:
            return [transition_row(row) for row in connection.execute(newest)]


def _reached(within_s: int) -> dict[str, int]:
    """For a server that does not connect, or is cut off, before a question or after."""
    return {"connect_timeout": within_s, "tcp_user_timeout": within_s * 1000, "keepalives_idle": within_s}


def _answered(within_s: int) -> dict[str, str]:
    return {"options": f"-c statement_timeout={within_s * 1000}"}


def _mark_spec(connection: Connection, stream: str, spec: str, **columns: Any) -> None:
    """Notes what became of the newest request for this spec, unless it is noted."""
    column = tables.specs.c
    newest = select(func.max(column.number)).where(column.stream == stream, column.spec == spec).scalar_subquery()
    unmarked = [column[name].is_(None) for name in columns]
    which = (column.stream == stream, column.number == newest, *unmarked)
    connection.execute(update(tables.specs).where(*which).values(**columns))


def _read(connection: Connection, name: str) -> StreamRow:
    row = connection.execute(select(*_STREAM_COLUMNS).where(tables.streams.c.name == name)).one_or_none()
    if row is None:
        raise UnknownStream(name)
    return stream_row(row)
