"""What a new driver would do to a stream, from what the registry, its files and the tables know of it."""

from __future__ import annotations

from tideline.begin import require_deployable
from tideline.errors import UserError
from tideline.home import Home
from tideline.keeper.preflight import Preflight, preflight
from tideline.registry.rows import UnknownStream
from tideline.registry.store import Registry
from tideline.spec.job import JobSpec, Spec
from tideline.spec.neighbours import require_entrypoint
from tideline.spec.spark_files import require_spark_files
from tideline.tables.schemas import StreamTables


def look_ahead(home: Home, registry: Registry, spec: Spec, text: str, anew: bool = False) -> Preflight:
    """Asks nothing of the stream and changes nothing; `text` is the spec's file, `anew` wants a new generation."""
    try:
        row = registry.stream(spec.name)
    except UnknownStream:
        row = None
    return preflight(row, spec, text, _refusal(home, spec), anew)


def require_startable(home: Home, spec: Spec) -> None:
    """UserError where its files or the tables refuse the spec: a driver that runs is not ended for one that would not
    start."""
    require_spark_files(spec)
    if isinstance(spec, JobSpec):
        require_entrypoint(spec)
    else:
        require_deployable(StreamTables(home.tables(spec.name)), spec)


def _refusal(home: Home, spec: Spec) -> UserError | None:
    try:
        require_startable(home, spec)
    except UserError as error:
        return error
    return None
