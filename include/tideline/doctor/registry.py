"""The registry: the level of its tables, its rows, and the leases that keepers hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from tideline.doctor.finding import Finding, Severity
from tideline.durations import format_span
from tideline.errors import UserError
from tideline.keeper.report import open_registry
from tideline.registry.lease import Lease
from tideline.registry.migrate import Level, level
from tideline.registry.rows import Attempt, StreamRow
from tideline.settings import Settings

WHAT: Final = "registry"
NOT_TAKEN_MS: Final = 180_000
"""A lease that ran out is taken by the next keeper, within a minute; so long after, none comes."""


@dataclass(frozen=True)
class RegistrySeen:
    """What the registry holds; `now` is its own clock (epoch ms)."""

    rows: Sequence[StreamRow]
    attempts: Mapping[str, Attempt]
    leases: Sequence[Lease]
    now: int


def look_at_level(settings: Settings) -> Level:
    """UserError where its database cannot be asked."""
    try:
        return level(settings.registry_url)
    except SQLAlchemyError as error:
        said = next(iter(str(error).splitlines()), "")
        raise UserError(f"its database cannot be asked: {said}", "run `tideline up`") from None


def judge_level(seen: Level) -> Iterator[Finding]:
    newest = seen.known[-1]
    if seen.current is None:
        yield Finding(WHAT, "migrations", "its tables were never made", "run `tideline up`")
    elif seen.current not in seen.known:
        problem = f"its tables are at {seen.current}, and this version knows none after {newest}"
        yield Finding(WHAT, "migrations", problem, "run the newer version that was there before")
    elif not seen.is_newest:
        problem = f"its tables are at {seen.current}, and this version needs {newest}"
        yield Finding(WHAT, "migrations", problem, "run `tideline up`, which migrates them")


def look_at_registry(settings: Settings) -> RegistrySeen:
    with open_registry(settings) as registry:
        leases = registry.leases.not_returned()
        return RegistrySeen(registry.streams(), registry.current_attempts(), leases, registry.now())


def judge_leases(leases: Sequence[Lease], now: int) -> Iterator[Finding]:
    for lease in leases:
        if now - lease.until > NOT_TAKEN_MS:
            ago = format_span(now - lease.until)
            problem = f"the lease of {lease.holder} ran out {ago} ago, and no keeper has looked at the stream since"
            fix = "run `tideline up`, then look at the runs of keep_streams in Airflow"
            yield Finding("leases", lease.stream, problem, fix, Severity.WARNING)
