"""What the triggerer watches: all streams together for the keeper, and one stream for whoever waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from tideline_airflow.installation import Installation

if TYPE_CHECKING:
    from tideline.keeper.settle import Settled, Wait
    from tideline.registry.store import Registry

log = logging.getLogger(__name__)


class _Polled(BaseEventTrigger):
    """Looks at all streams together every so often, and fires with what each look finds."""

    def __init__(self, poll_seconds: float = 1.5) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.poll_seconds = poll_seconds

    @classmethod
    def look_of(cls, installation: Installation, registry: Registry) -> Callable[[], Sequence[Any]]:
        """The function to call at each poll; it returns the alarms (dataclasses) to fire with."""
        raise NotImplementedError

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.{type(self).__name__}", {"poll_seconds": self.poll_seconds}

    def shared_stream_key(self) -> Hashable | None:
        return ("tideline", type(self).__name__, self.poll_seconds)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Any]:
        """Looks in a thread: the triggerer's loop belongs to all triggers, and none may hold it up."""
        installation = Installation.from_env()
        with installation.registry() as registry:
            look = cls.look_of(installation, registry)
            while True:
                try:
                    alarms = await asyncio.to_thread(look)
                except Exception as error:  # the database may come back; a trigger that ends does not
                    log.warning("the streams cannot be looked at: %s", error)
                    alarms = ()
                if alarms:
                    yield [asdict(alarm) for alarm in alarms]
                await asyncio.sleep(kwargs["poll_seconds"])

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        async for alarms in shared_stream:
            yield event_of({"alarms": alarms, "at": time.time()})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """For a triggerer that does not share streams."""
        async for event in self.filter_shared_stream(self.open_shared_stream(self.serialize()[1])):
            yield event


class StreamAlarms(_Polled):
    """Fires when a stream needs the keeper: once an alarm, and again only while it lasts."""

    @classmethod
    def look_of(cls, installation: Installation, registry: Registry) -> Callable[[], Sequence[Any]]:
        return installation.watch(registry).fresh_alarms


class LateEvents(_Polled):
    """Fires when a stream that declares a late alert has dropped something: of each stream at most once a minute."""

    @classmethod
    def look_of(cls, installation: Installation, registry: Registry) -> Callable[[], Sequence[Any]]:
        return installation.late_watch(registry).fresh_notices


class StreamSettles(BaseTrigger):
    """Fires once, when a stream is as it is wanted, cannot be, or `until` (epoch seconds) has passed and the time since
    `begun` that its specs have."""

    def __init__(
        self, stream: str, wanted: str, until: float, poll_seconds: float = 1.0, begun: float | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stream = stream
        self.wanted = wanted
        self.until = until
        self.poll_seconds = poll_seconds
        self.begun = time.time() if begun is None else begun

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("stream", "wanted", "until", "poll_seconds", "begun")
        return f"{__name__}.StreamSettles", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from tideline.keeper.lifecycle import Desired
        from tideline.keeper.settle import Wait

        wait = Wait(Desired(self.wanted), int(self.begun * 1000), int(self.until * 1000))
        async with AsyncExitStack() as stack:
            registry = stack.enter_context(Installation.from_env().registry())
            while True:
                found = await asyncio.to_thread(self._look, registry, wait)
                if found is not None:
                    yield event_of(asdict(found))
                    return
                await asyncio.sleep(self.poll_seconds)

    def _look(self, registry: Registry, wait: Wait) -> Settled | None:
        from tideline.clock import now_ms
        from tideline.keeper.settle import Settled

        try:
            row = registry.stream(self.stream)
            attempt = registry.attempt(row.name, row.epoch)
        except Exception as error:  # the database may come back
            log.warning("%s cannot be looked up: %s", self.stream, error)
            return Settled(False, f"the registry does not answer: {error}") if now_ms() > wait.until else None
        return wait.ends(row, now_ms(), attempt is not None and attempt.stable_at is not None)


def event_of(payload: dict[str, Any]) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]
