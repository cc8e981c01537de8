"""A line of any log as one thing: Python's and the JVM's JSON, Airflow's task logs, and what is no JSON at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from tideline.logs.context import NOTHING, About
from tideline.times import iso_millis

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
RAW: Final = ""
"""The level of a line that is no JSON."""
_HOOK: Final = "Hook"
_LEVEL_NAMES: Final = {"TRACE": "DEBUG", "WARN": "WARNING", "EXCEPTION": "ERROR", "FATAL": "CRITICAL"}


@dataclass(frozen=True)
class Entry:
    """One line: `at` is its time in epoch ms, None where it names none; `trace` is that of its exception."""

    at: int | None
    level: str
    logger: str
    message: str
    about: About = NOTHING
    kind: str | None = None
    trace: str | None = None
    source: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As the formatter writes it, with the source; `ts` is null where it is not known."""
        said: dict[str, Any] = {"ts": None if self.at is None else iso_millis(self.at), "level": self.level or None}
        said |= {"logger": self.logger, "message": self.message} | asdict(self.about)
        if self.trace is not None:
            said["exception"] = {"class": self.kind, "trace": self.trace}
        return said | {"source": self.source}


def parse(line: bytes | str) -> Entry:
    """Whatever it is: a line that is no log's JSON is its own message."""
    text = line.decode(errors="replace") if isinstance(line, bytes) else line
    said = _object(text)
    if said is None or not {"ts", "timestamp"} & said.keys():
        return Entry(None, RAW, "", text.rstrip("\r"))
    return _parsed(said) if "ts" in said else _inner(_parsed(said))


def timed(entries: Iterable[Entry]) -> Iterator[tuple[int, Entry]]:
    """Entries newest first, with times that never grow on the way back: whatever a clock did, and two threads, they
    stay in their order. What has no time has that of the entry after it."""
    latest: int | None = None
    for entry in entries:
        at = latest or 0 if entry.at is None else entry.at
        latest = at if latest is None else min(at, latest)
        yield latest, entry


def _inner(entry: Entry) -> Entry:
    """The line that a task's line hands on: the hook of spark-submit logs what the job prints."""
    said = _object(entry.message) if entry.logger.endswith(_HOOK) else None
    if said is None or "ts" not in said:
        return entry
    inner = _parsed(said)
    known: dict[str, Any] = inner.about.known()
    return replace(inner, about=replace(entry.about, **known))


def _object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _parsed(said: Mapping[str, Any]) -> Entry:
    level = str(said.get("level") or "").upper()
    kind, trace = _exception(said)
    return Entry(
        _time(said.get("ts") or said.get("timestamp")),
        _LEVEL_NAMES.get(level, level),
        str(said.get("logger") or ""),
        str(said.get("message", said.get("event", ""))),
        About(_text(said.get("stream")), *(_number(said.get(name)) for name in ("generation", "epoch", "batch"))),
        kind,
        trace,
    )


def _time(value: object) -> int | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    """The JVM's context holds texts."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _exception(said: Mapping[str, Any]) -> tuple[str | None, str | None]:
    found = said.get("exception")
    if isinstance(found, dict):
        return _text(found.get("class")), str(found.get("trace") or found.get("class") or "")
    errors = said.get("error_detail") or found  # Airflow's, the outermost first
    if isinstance(errors, list) and errors and all(isinstance(each, dict) for each in errors):
        told = "\n".join(line for each in reversed(errors) for line in _airflow_trace(each))
        return _text(errors[0].get("exc_type")), told
    return None, None


def _airflow_trace(error: Mapping[str, Any]) -> list[str]:
    frames = [frame for frame in error.get("frames") or () if isinstance(frame, dict)]
    where = [f'  File "{each.get("filename")}", line {each.get("lineno")}, in {each.get("name")}' for each in frames]
    return [*where, f"{error.get('exc_type')}: {error.get('exc_value')}"]
