"""What people ask of a stream, written so that asking twice is asking once."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from tideline.keeper.lifecycle import LIVE, Desired, State
from tideline.registry.rows import UnknownStream
from tideline.registry.tables import specs, streams

# A driver of these states is there or on its way: asking for it again changes nothing.
_ON_ITS_WAY = LIVE | {State.FENCING, State.SUBMITTING}


@dataclass(frozen=True)
class Request:
    """What a person wants of a stream; without a spec, the deployed one stays.

    Where another spec was STABLE before, this one is to be so within `prove_within_ms`, or gives way to that one.
    With `again` a new driver is started though nothing else is wanted than before. `asked_for` is what the person calls
    it.
    A spec with another fingerprint begins a new generation, and so does `new_generation`: with a new checkpoint.
    """

    stream: str
    desired: Desired
    actor: str
    spec: str | None = None
    fingerprint: str | None = None
    new_generation: bool = False
    prove_within_ms: int = 180_000
    again: bool = False
    asked_for: str = "new start"


def write_request(connection: Connection, request: Request, now: int) -> None:
    """Inserts the stream, or changes what is wanted of it; the row stays locked until the transaction ends."""
    which = streams.c.name == request.stream
    row = connection.execute(select(streams).where(which).with_for_update()).one_or_none()
    if row is None:
        connection.execute(insert(streams).values(**_new(request, now)))
        _keep_spec(connection, request, now)
        return
    values: dict[str, object] = {"desired": request.desired, "updated_at": now, "refused": None}
    if request.spec is not None:
        values |= {"spec": request.spec, "fingerprint": request.fingerprint}
    spec_changes = request.spec not in (None, row.spec)
    begins = row.epoch and (request.new_generation or request.fingerprint not in (None, row.fingerprint))
    if begins:
        values["next_generation"] = row.next_generation + 1  # not the one a keeper may be submitting just now
    if spec_changes:
        _keep_spec(connection, request, now)
    if request.again or begins or spec_changes or request.desired != row.desired or State(row.state) not in _ON_ITS_WAY:
        values |= {"requested": row.requested + 1, "asked_by": request.actor, "asked_for": request.asked_for}
        values |= {"probes": 0, "budget_after": row.epoch, "losses": 0, "lost": None}
        unproven = row.stable_spec is not None and (request.spec or row.spec) != row.stable_spec
        values["prove_by"] = now + request.prove_within_ms if unproven else None
    connection.execute(update(streams).where(which).values(**values))


def _keep_spec(connection: Connection, request: Request, now: int) -> None:
    newest = select(func.coalesce(func.max(specs.c.number), 0)).where(specs.c.stream == request.stream)
    number = connection.execute(newest).scalar_one() + 1
    kept = {"stream": request.stream, "number": number, "spec": request.spec, "asked_by": request.actor, "at": now}
    connection.execute(insert(specs).values(**kept))


def _new(request: Request, now: int) -> dict[str, object]:
    if request.spec is None:
        raise UnknownStream(request.stream)
    return {
        "name": request.stream,
        "desired": request.desired,
        "state": State.STOPPED,
        "reason": "never deployed",
        "epoch": 0,
        "generation": 1,
        "next_generation": 1,
        "requested": 1,
        "acted": 0,
        "asked_by": request.actor,
        "asked_for": request.asked_for,
        "spec": request.spec,
        "fingerprint": request.fingerprint,
        "probes": 0,
        "budget_after": 0,
        "losses": 0,
        "state_since": now,
        "updated_at": now,
    }
