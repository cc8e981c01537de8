"""Waits for a stream without holding a worker's slot."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, get_current_context, task

from tideline.logs.context import about
from tideline_airflow.installation import Installation
from tideline_airflow.links import STREAM_LINKS
from tideline_airflow.policy import WAITS_AGAIN
from tideline_airflow.tasks import failed
from tideline_airflow.triggers import StreamSettles

if TYPE_CHECKING:
    from airflow.sdk import Context


class AwaitStream(BaseOperator):
    """Succeeds when the stream is as wanted; else fails with the reason, its driver's last lines in the log.

    :param stream: the stream's name (templated).
    :param wanted: RUNNING, which is reached when the stream is STABLE, STOPPED or SUSPENDED.
    :param timeout_seconds: how long it may take, or longer where the stream's specs have a longer time to be proved.
        Killing the task leaves the stream as it is.
    """

    template_fields: Sequence[str] = ("stream",)
    operator_extra_links = STREAM_LINKS

    def __init__(self, *, stream: str, wanted: str, timeout_seconds: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stream = stream
        self.wanted = wanted
        self.timeout_seconds = timeout_seconds

    def execute(self, context: Context) -> None:
        begun = time.time()
        waits = StreamSettles(self.stream, self.wanted, begun + self.timeout_seconds, begun=begun)
        self.defer(trigger=waits, method_name="settled")

    def settled(self, context: Context, event: dict[str, Any]) -> str:
        reason = str(event["reason"])
        if not event["reached"]:
            with about(stream=self.stream):
                for line in _last_words(self.stream):
                    self.log.error("driver: %s", line)
            raise failed(reason, context)
        return reason


def ask_and_await(ask: Callable[[str, Context], None], wanted: str, timeout_seconds: float) -> None:
    """The two tasks of a DAG that wants something of `params.stream`: they ask, and wait until it is so."""

    @task(task_id="ask")
    def asked(stream: str) -> None:
        ask(stream, get_current_context())

    reached = AwaitStream(
        task_id=f"await_{'stable' if wanted == 'RUNNING' else wanted.lower()}",
        stream="{{ params.stream }}",
        wanted=wanted,
        timeout_seconds=timeout_seconds,
        **WAITS_AGAIN,
    )
    asked("{{ params.stream }}") >> reached


def _last_words(stream: str) -> list[str]:
    from tideline.keeper.last_words import last_words

    installation = Installation.from_env()
    with installation.registry() as registry:
        return last_words(registry, installation.home, stream)
