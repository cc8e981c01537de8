"""Waits for a stream without holding a worker's slot."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from tideline_airflow.installation import Installation
from tideline_airflow.tasks import failed
from tideline_airflow.triggers import StreamSettles

if TYPE_CHECKING:
    from airflow.sdk import Context

LOG_LINES = 40


class AwaitStream(BaseOperator):
    """Succeeds when the stream is as wanted; else fails with the reason, its driver's last lines in the log.

    :param stream: the stream's name (templated).
    :param wanted: RUNNING, which is reached when the stream is STABLE, STOPPED or SUSPENDED.
    :param timeout_seconds: how long it may take. Killing the task leaves the stream as it is.
    """

    template_fields: Sequence[str] = ("stream",)

    def __init__(self, *, stream: str, wanted: str, timeout_seconds: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stream = stream
        self.wanted = wanted
        self.timeout_seconds = timeout_seconds

    def execute(self, context: Context) -> None:
        until = time.time() + self.timeout_seconds
        self.defer(trigger=StreamSettles(self.stream, self.wanted, until), method_name="settled")

    def settled(self, context: Context, event: dict[str, Any]) -> str:
        reason = str(event["reason"])
        if not event["reached"]:
            for line in last_lines(Installation.from_env().home.stream(self.stream).log):
                self.log.error("driver: %s", line)
            raise failed(reason, context)
        return reason


def last_lines(file: Path, lines: int = LOG_LINES) -> list[str]:
    """The end of a log file, at most 64 KiB of it; nothing when there is none."""
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - 65_536))
            return log.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []
