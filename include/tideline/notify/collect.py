"""Counts in the registry what the tables of all streams raised, so that notices are decided without a table."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from tideline.home import Home
from tideline.logs.context import about
from tideline.notify.raised import RaisedIn
from tideline.registry.store import Registry

log = logging.getLogger(__name__)


def collect(home: Home, registry: Registry, streams: Iterable[str]) -> None:
    """Adds what is new. A table is opened only where it has changed since; one that cannot be read is left for the next
    time, and the log says why."""
    looked = registry.raised.looked()
    for stream in streams:
        for table in RaisedIn:
            path = home.tables(stream) / table
            version = log_version(path)
            if version is not None and version != looked.get((stream, table)):
                _collect(registry, stream, table, path, version)


def _collect(registry: Registry, stream: str, table: RaisedIn, path: Path, version: int) -> None:
    from tideline.notify.raised_rows import raised_rows  # what reads tables takes long to import

    known, now = registry.raised.newest(stream, table), registry.now()
    try:
        found = raised_rows(stream, table, path, known, now)
    except Exception:
        with about(stream=stream):
            log.exception("%s: the table %s cannot be looked at", stream, table)
        return
    registry.raised.add(stream, table, version, found)


def log_version(path: Path) -> int | None:
    """The version of the newest entry in a Delta table's log, by its name; None where there is no table."""
    try:
        entries = [entry.name[:20] for entry in os.scandir(path / "_delta_log")]
    except FileNotFoundError:
        return None
    return max((int(entry) for entry in entries if entry.isdecimal() and len(entry) == 20), default=None)
