"""Where the records of a topic come from when no producer sends them: the driver itself puts them there.

A topic is the only log that late data can be found in again. So files, a rate or a socket are first written to the
stream's topic, and everything after that is as for any other topic.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from tideline.durations import format_duration
from tideline.spec.parts import Duration, Model, Whole


def _on_this_machine(path: str) -> str:
    if not path or "://" in path:
        raise ValueError(f"'{path}' is no folder of this machine: write one such as data/events, or a glob in it")
    return path


def _host(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%\w+)?", name):
        raise ValueError(f"'{name}' is no host: write its name or address alone, such as 127.0.0.1")
    return name


class Files(Model):
    """JSON files, or any of one record a line: each is read once, in the order in which they were last written.

    `path` is a folder or a glob, from the project's root. A trigger's files are held in memory.
    """

    path: Annotated[str, AfterValidator(_on_this_machine)]
    max_files_per_trigger: Annotated[Whole, Field(ge=1)] = 10


def _whole_seconds(milliseconds: int) -> int:
    """A rate of Spark's ramps up by the second."""
    if milliseconds % 1000:
        more = format_duration(-(-milliseconds // 1000) * 1000)
        raise ValueError(f"a rate ramps up by whole seconds, not {format_duration(milliseconds)}: write {more}")
    return milliseconds


class Rate(Model):
    """Numbered records with the time at which each was due, so many a second; fewer while it ramps up."""

    rows_per_second: Annotated[Whole, Field(ge=1, le=10_000)] = 1
    ramp_up: Annotated[Duration, AfterValidator(_whole_seconds)] = 0


class Socket(Model):
    """The lines of a TCP server. What it sends while no driver reads is lost: a socket cannot be asked again."""

    host: Annotated[str, AfterValidator(_host)] = "127.0.0.1"
    port: Annotated[Whole, Field(ge=1, le=65535)]


Feed = Files | Rate | Socket
