"""Asks the four witnesses. One that cannot be asked is None in the evidence, never an error of the keeper."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from tideline.home import Home
from tideline.keeper.checkpoint_view import UNREADABLE, view_checkpoint
from tideline.keeper.epochs import tag_of
from tideline.keeper.evidence import CheckpointView, Evidence, Unread
from tideline.keeper.heartbeat import read_heartbeat
from tideline.keeper.samples import Sample
from tideline.launcher.base import Launcher, LauncherState, LauncherUnreachable
from tideline.registry.rows import Attempt, StreamRow

EndOffsets = Callable[[str], Mapping[int, int]]
AskUnread = Callable[[str, Mapping[int, int]], Unread | None]
"""How near what lies beyond these offsets of a topic is to its removal."""
log = logging.getLogger(__name__)


class Witnesses(Protocol):
    """Gathers the evidence of one stream."""

    def expect(self, topics: Iterable[str]) -> None:
        """Streams of these topics will be looked at together."""

    def look(self, row: StreamRow, topic: str | None, attempt: Attempt | None) -> Evidence:
        """What is seen now."""

    def recall(self, seen: Evidence, topic: str | None, history: tuple[Sample, ...]) -> Evidence:
        """The same with earlier looks, and with what is asked only where they give a reason."""


class RealWitnesses:
    """The launcher, the files of the stream's home, and the broker."""

    def __init__(
        self,
        home: Home,
        launcher: Launcher,
        end_offsets: EndOffsets,
        unread: AskUnread = lambda topic, ends: None,
        expect: Callable[[Iterable[str]], None] = lambda topics: None,
    ) -> None:
        self._home = home
        self._launcher = launcher
        self._end_offsets = end_offsets
        self._unread = unread
        self._expect = expect

    def expect(self, topics: Iterable[str]) -> None:
        self._expect(topics)

    def recall(self, seen: Evidence, topic: str | None, history: tuple[Sample, ...]) -> Evidence:
        ends = seen.checkpoint.ends if seen.checkpoint else None  # None before its source has told where it begins
        if not topic or ends is None or not seen.backlog or not history or not history[-1].backlog:
            return replace(seen, history=history)  # what came just now is not about to go
        return replace(seen, history=history, unread=self._ask_unread(topic, ends))

    def look(self, row: StreamRow, topic: str | None, attempt: Attempt | None) -> Evidence:
        return Evidence(
            tag=tag_of(row.name, row.epoch),
            epoch=row.epoch,
            submitted_at=attempt.submitted_at if attempt else row.state_since,
            base_batch=attempt.base_batch if attempt else -1,
            proved=attempt is not None and attempt.stable_at is not None,
            launcher=self._ask_launcher(row.name),
            heartbeat=read_heartbeat(self._home.stream(row.name).heartbeat),
            checkpoint=self._read_checkpoint(row, topic),
            log_ends=self._ask_broker(topic) if topic else {},
            reads_topic=topic is not None,
        )

    def _ask_launcher(self, stream: str) -> LauncherState | None:
        try:
            return self._launcher.observe(stream)
        except LauncherUnreachable:
            return None

    def _read_checkpoint(self, row: StreamRow, topic: str | None) -> CheckpointView | None:
        folder = self._home.stream(row.name).checkpoint(row.generation)
        try:
            return view_checkpoint(folder, topic)
        except UNREADABLE as error:
            log.warning("the checkpoint of %s cannot be read: %s", row.name, error)
            return None

    def _ask_unread(self, topic: str, ends: Mapping[int, int]) -> Unread | None:
        try:
            return self._unread(topic, ends)
        except Exception as error:  # as for the end offsets
            log.warning("how long %s keeps what is not read cannot be had: %s", topic, error)
            return None

    def _ask_broker(self, topic: str) -> Mapping[int, int] | None:
        try:
            return self._end_offsets(topic)
        except Exception as error:  # whatever the client raises, the broker could not be asked
            log.warning("the end offsets of %s cannot be had: %s", topic, error)
            return None
