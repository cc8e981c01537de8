"""What a stream's tables raise, counted by kind, and which notices of it are due. Pure values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tideline.keeper.verdict import Severity
from tideline.notify.decide import MUTED_MS, NEWS_MS
from tideline.registry.rows import StreamRow
from tideline.times import iso_ms


class RaisedIn(StrEnum):
    """The tables that raise something."""

    LATE_ALERTS = "late_alerts"
    ANOMALIES = "anomalies"


_WORDS: Final = {RaisedIn.LATE_ALERTS: "late alert", RaisedIn.ANOMALIES: "anomaly"}
_REASONS: Final = {RaisedIn.LATE_ALERTS: "LateAlert", RaisedIn.ANOMALIES: "Anomaly"}


@dataclass(frozen=True)
class Kind:
    """What is muted by itself: a detector of a stream, or the column that its late alerts are counted by."""

    stream: str
    table: RaisedIn
    name: str

    @property
    def reason(self) -> str:
        return f"{_REASONS[self.table]} {self.name}"

    @property
    def words(self) -> str:
        return f"{_WORDS[self.table]} {self.name}"


@dataclass(frozen=True)
class Raised:
    """What was raised of a kind so far: how often, and the newest: when (us), and in words."""

    kind: Kind
    count: int
    newest_us: int
    why: str


@dataclass(frozen=True)
class ToldOf:
    """What a notifier was told of a kind: up to which count, and when (epoch ms)."""

    count: int
    at: int


@dataclass(frozen=True)
class RaisedNotice:
    """One thing to tell: that something was raised, `new` times since it was told last. It has no end."""

    raised: Raised
    new: int
    row: StreamRow
    severity: Severity = Severity.WARN
    ended: tuple[str, ...] = ()

    @property
    def stream(self) -> str:
        return self.raised.kind.stream

    @property
    def text(self) -> str:
        """The notice in one line."""
        often = f", {self.new:,} times, the newest" if self.new > 1 else ""
        return f"[{self.severity}] {self.stream} raised {self.raised.kind.words}{often}: {self.raised.why}"

    def as_dict(self) -> dict[str, Any]:
        """The keys of a transition's notice: it is of no transition, nobody's act and no run's."""
        return {
            "text": self.text,
            "stream": self.stream,
            "reason": self.raised.kind.reason,
            "severity": self.severity.value,
            "over": False,
            "ended": [],
            "state": self.row.state.value,
            "why": self.raised.why,
            "at": iso_ms(self.raised.newest_us // 1000),
            "epoch": self.row.epoch,
            "generation": self.row.generation,
            "actor": None,
            "dag_run": None,
            "transition": None,
        }


def due_raised(
    row: StreamRow, raised: Iterable[Raised], told: Mapping[Kind, ToldOf], now: int, least: Severity = Severity.WARN
) -> list[RaisedNotice]:
    """What was raised of a stream and not told, unless its kind was told less than 30 minutes ago: then all of it is
    told at their end. None of it is a page; what was raised more than a day ago is no news."""
    if least is not Severity.WARN:
        return []
    never = ToldOf(0, -MUTED_MS)
    last = {each.kind: told.get(each.kind, never) for each in raised}
    return [
        RaisedNotice(each, each.count - last[each.kind].count, row)
        for each in raised
        if each.count > last[each.kind].count
        and now - last[each.kind].at >= MUTED_MS
        and now - each.newest_us // 1000 <= NEWS_MS
    ]
