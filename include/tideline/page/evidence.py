"""A verdict's evidence beside the limits it was judged by, as a transition has recorded them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tideline.durations import format_duration
from tideline.keeper.exit_status import told_status
from tideline.keeper.verdict import Thresholds
from tideline.page.words import age_text, at_text, count_text, seconds_text
from tideline.registry.rows import TransitionRow

_NEVER: Final = "never"


@dataclass(frozen=True)
class Line:
    """What was looked at, what was seen, and the limit; `is_over` where what was seen lies beyond it."""

    what: str
    seen: str
    limit: str
    is_over: bool = False


@dataclass(frozen=True)
class LastVerdict:
    """What was said of a driver at `at` (epoch ms), and why; its warnings, and the lines of the evidence."""

    at: int
    kind: str
    why: str
    warnings: tuple[str, ...]
    lines: tuple[Line, ...]


def last_verdict(newest_first: Sequence[TransitionRow]) -> LastVerdict | None:
    """Of the newest transition that came of a look; None when there is none."""
    for step in newest_first:
        seen = step.evidence
        if "verdict" in seen and "thresholds" in seen:
            warned = tuple(str(each.get("why", "")) for each in seen.get("warnings", ()))
            at = int(seen.get("seen_at", step.at))
            lines = tuple(lines_of(seen, limits_of(seen["thresholds"]), at))
            return LastVerdict(at, str(seen["verdict"]), str(seen.get("why", "")), warned, lines)
    return None


def limits_of(recorded: Mapping[str, Any]) -> Thresholds:
    """The limits as recorded; those that an older version of this software did not have are today's defaults."""
    known = Thresholds.__dataclass_fields__
    return Thresholds(**{name: value for name, value in recorded.items() if name in known})


def lines_of(seen: Mapping[str, Any], limits: Thresholds, at: int) -> Iterator[Line]:
    """All that a verdict can rest on; a witness that could not be asked is told as such."""
    beat = seen.get("heartbeat") or {}
    beat = beat if beat.get("epoch") == seen.get("epoch") else {}
    yield _launcher(seen.get("launcher"))
    yield Line("Batches since the submit", count_text(seen.get("batches")), f"{limits.stable_batches} prove it")
    idle = count_text(beat.get("quiet_triggers", beat.get("idle_triggers")))
    yield Line("Triggers without anything to do", idle, f"{limits.stable_idle_triggers} prove it, without a backlog")
    yield _since("Since the submit", seen.get("submitted_at"), at, limits.start_within_ms, "to run", over=False)
    patience = limits.patience_ms(seen.get("longest_batch_ms", beat.get("batch_ms")))
    backlog = seen.get("backlog")
    yield _since("Since it last moved", seen.get("progress_at"), at, patience, "with a backlog", over=bool(backlog))
    yield _since("Since the last heartbeat", beat.get("at"), at, limits.heartbeat_lost_after_ms)
    yield Line(
        "Backlog",
        "cannot be read" if backlog is None else f"{backlog:,} offsets",
        f"rising by {limits.backlog_rise} %, from {limits.backlog_from:,} on",
    )
    yield _batch(beat.get("batch_ms"), limits)
    checkpoint = seen.get("checkpoint") or {}
    stalled = f"not to stand for {format_duration(limits.watermark_stalled_after_ms)}"
    yield Line("Watermark", at_text(checkpoint.get("watermark") or None), stalled)
    yield _unread(seen.get("unread"), limits)


def _launcher(said: Mapping[str, Any] | None) -> Line:
    if said is None:
        return Line("Launcher", "cannot be asked", "running")
    status = said.get("exit_status")
    ended = f", {told_status(status)}" if status is not None else ""
    phase = str(said.get("phase", "")).lower()
    return Line("Launcher", f"{phase}{ended}", "running", is_over=phase in ("exited", "absent"))


def _since(what: str, then: int | None, at: int, limit: int, when: str = "", *, over: bool = True) -> Line:
    most = f"at most {format_duration(limit)} {when}".rstrip()
    if then is None:
        return Line(what, _NEVER, most)
    return Line(what, age_text(at - then), most, is_over=over and at - then > limit)


def _batch(batch_ms: int | None, limits: Thresholds) -> Line:
    most = max(limits.slow_batch_ms, limits.trigger_ms)
    return Line("Last batch", seconds_text(batch_ms), f"at most {format_duration(most)}", (batch_ms or 0) > most)


def _unread(said: Mapping[str, Any] | None, limits: Thresholds) -> Line:
    """Of the time or the bytes that Kafka keeps what was not read."""
    limit = f"warns at {limits.retention_warn} %, wakes at {limits.retention_page} %"
    share = 0.0 if said is None else float(said.get("share", 0))
    return Line(
        "Of Kafka's retention, gone before it was read",
        f"{share:.0%}",
        limit,
        is_over=share * 100 >= limits.retention_warn,
    )
