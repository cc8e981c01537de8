"""A lease a stream: of all keepers, one acts. It ends by itself: a keeper that dies holds nothing up for long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, or_, select, update

from tideline.registry.clock import Clock
from tideline.registry.tables import streams


@dataclass(frozen=True)
class Lease:
    """Who holds a stream, until when (epoch ms, by the registry's clock)."""

    stream: str
    holder: str
    until: int


class Leases:
    """Takes and gives back leases, by one clock for all holders."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def take(self, stream: str, holder: str, ttl_ms: int) -> bool:
        """True when the lease is free, has run out, or is the holder's own, which it then renews."""
        with self._engine.begin() as connection:
            now = self._clock(connection)
            free = or_(
                streams.c.lease_holder.is_(None),
                streams.c.lease_until <= now,
                streams.c.lease_holder == holder,
            )
            statement = (
                update(streams)
                .where(streams.c.name == stream, free)
                .values(lease_holder=holder, lease_until=now + ttl_ms)
            )
            return connection.execute(statement).rowcount == 1

    def not_returned(self) -> list[Lease]:
        """The leases that were not given back, also those that have run out."""
        column = streams.c
        held = select(column.name, column.lease_holder, column.lease_until).where(column.lease_holder.is_not(None))
        with self._engine.connect() as connection:
            return [Lease(*row) for row in connection.execute(held.order_by(column.name))]

    def release(self, stream: str, holder: str) -> None:
        """Gives back what the holder still holds; a lease that has passed to another stays."""
        mine = (streams.c.name == stream, streams.c.lease_holder == holder)
        with self._engine.begin() as connection:
            connection.execute(update(streams).where(*mine).values(lease_holder=None, lease_until=None))

    @contextmanager
    def held(self, stream: str, holder: str, ttl_ms: int) -> Iterator[bool]:
        """Whether the lease could be had; given back at the end, also after an error."""
        taken = self.take(stream, holder, ttl_ms)
        try:
            yield taken
        finally:
            if taken:
                self.release(stream, holder)
