"""Reads over all streams at once, for the page: what was seen of them, in slots of time, and how often they began."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import func, select

from tideline.keeper.samples import Slot
from tideline.registry.store import Registry
from tideline.registry.tables import attempts, samples, streams


def slots_since(registry: Registry, since: int, slot_ms: int) -> dict[str, list[Slot]]:
    """By stream the slots of `slot_ms` that anything was seen in since then (epoch ms), oldest first."""
    column = samples.c
    number = (column.at // slot_ms).label("number")
    greatest = [func.max(column[name]).label(name) for name in ("at", "backlog", "read", "watermark", "batch_ms")]
    statement = (
        select(column.stream, number, *greatest)
        .where(column.at > since)
        .group_by(column.stream, number)
        .order_by(column.stream, number)
    )
    found: dict[str, list[Slot]] = defaultdict(list)
    for stream, *values in registry.read(statement):
        found[stream].append(Slot(*values))
    return dict(found)


def restarts_since(registry: Registry, since: int) -> dict[str, int]:
    """By stream, how many drivers beside the first were submitted since then (epoch ms)."""
    column = attempts.c
    which = (column.submitted_at > since, column.epoch > 1)
    statement = select(column.stream, func.count()).where(*which).group_by(column.stream)
    return {row[0]: row[1] for row in registry.read(statement)}


def keeper_looks(registry: Registry) -> dict[str, int]:
    """By stream, when a keeper last looked at a driver of it (epoch ms). One step in the key's index a stream."""
    newest = select(func.max(samples.c.at)).where(samples.c.stream == streams.c.name).scalar_subquery()
    return {row[0]: row[1] for row in registry.read(select(streams.c.name, newest)) if row[1] is not None}
