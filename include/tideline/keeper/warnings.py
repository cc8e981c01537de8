"""What is not as it should be with a stream that runs: it is told, and no new driver would help. Pure functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tideline.durations import format_duration
from tideline.keeper.evidence import Evidence
from tideline.keeper.samples import mean_backlog, mean_batch_ms, stood_still
from tideline.keeper.verdict import Kind, Severity, Thresholds, Warned

_FIVE_MINUTES: Final = 300_000
_TEN_MINUTES: Final = 600_000
Rule = Callable[[Evidence, Thresholds, int], Warned | None]


def warnings(evidence: Evidence, thresholds: Thresholds, now: int) -> list[Warned]:
    """All that there is to say, the gravest first."""
    found = [warned for rule in _RULES if (warned := rule(evidence, thresholds, now)) is not None]
    return sorted(found, key=lambda each: each.severity is not Severity.PAGE)


def _retention(evidence: Evidence, thresholds: Thresholds, now: int) -> Warned | None:
    unread = evidence.unread
    if unread is None or unread.share * 100 < thresholds.retention_warn:
        return None
    severity = Severity.PAGE if unread.share * 100 >= thresholds.retention_page else Severity.WARN
    return Warned(
        Kind.RETENTION_RISK, f"what is not read yet is {unread.share:.0%} on its way out: {unread.reason}", severity
    )


def _part_fails(evidence: Evidence, thresholds: Thresholds, now: int) -> Warned | None:
    beat = evidence.own_heartbeat
    told = [f"{each['part']} fails: {each['reason']}" for each in (beat.troubles if beat else ())]
    return Warned(Kind.PART_FAILS, "; ".join(told)) if told else None


def least_backlog(evidence: Evidence, thresholds: Thresholds) -> int:
    """What is less is no backlog that could rise: two batches read it."""
    return max(thresholds.backlog_from, 2 * evidence.rows)


def _backlog_rises(evidence: Evidence, thresholds: Thresholds, now: int) -> Warned | None:
    """Held against the time before it, twice: a page by ten minutes, a warning by five."""
    floor = least_backlog(evidence, thresholds)
    if (evidence.backlog or 0) < floor:
        return None  # whatever the averages say, it is read
    for span, severity in ((_TEN_MINUTES, Severity.PAGE), (_FIVE_MINUTES, Severity.WARN)):
        recent = mean_backlog(evidence.history, now - span, now)
        before = mean_backlog(evidence.history, now - 2 * span, now - span)
        if recent is None or before is None or recent < floor or recent <= before * (1 + thresholds.backlog_rise / 100):
            continue
        minutes = span // 60_000
        why = f"{recent:.0f} offsets on average of the last {minutes} minutes, {before:.0f} in the {minutes} before"
        return Warned(Kind.BACKLOG_RISING, why, severity)
    return None


def _watermark_stands(evidence: Evidence, thresholds: Thresholds, now: int) -> Warned | None:
    still_ms, read = stood_still(evidence.history)
    if still_ms < thresholds.watermark_stalled_after_ms or read <= 0 or not evidence.reads_topic:
        return None
    if not thresholds.declares_watermark and not evidence.history[-1].watermark:
        return None
    since = format_duration(still_ms // 60_000 * 60_000)
    why = f"the watermark has not moved for {since}, and {read} offsets were read meanwhile: do newer events come?"
    return Warned(Kind.WATERMARK_STALLED, why)


def _batches_are_slow(evidence: Evidence, thresholds: Thresholds, now: int) -> Warned | None:
    mean = mean_batch_ms(evidence.history, now - _FIVE_MINUTES)
    oldest = evidence.history[0].at if evidence.history else now
    if mean is None or now - oldest < _FIVE_MINUTES or mean <= max(thresholds.trigger_ms, thresholds.slow_batch_ms):
        return None
    why = f"batches of the last 5 minutes took {mean / 1000:.1f} s, the trigger is {thresholds.trigger_ms / 1000:g} s"
    return Warned(Kind.BATCH_SLOWER_THAN_TRIGGER, why)


_RULES: tuple[Rule, ...] = (_retention, _part_fails, _backlog_rises, _watermark_stands, _batches_are_slow)
