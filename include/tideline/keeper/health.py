"""Is a driver well? A pure function of the witnesses' evidence and the clock.

That a driver has ended, its launcher may say alone: were it wrong, fencing would keep that driver out. That one which
runs is to be given up, no witness decides alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tideline.durations import format_duration
from tideline.keeper.evidence import Evidence
from tideline.keeper.exit_status import told_status
from tideline.keeper.samples import before_now
from tideline.keeper.verdict import AGAINST_THE_SPEC, Kind, Proof, Thresholds, Verdict, Warned
from tideline.keeper.warnings import least_backlog, warnings

Finding = tuple[Kind, str]
Rule = Callable[[Evidence, Thresholds, int], Finding | None]


def judge(evidence: Evidence, thresholds: Thresholds, now: int) -> Verdict:
    """The first rule that has something to say decides; of a driver that is well otherwise, all warnings are told. That
    records are about to be lost is told of one that is silent or not proved too."""
    lost = _first(_OVER, evidence, thresholds, now)
    if lost is not None:
        return Verdict(*lost, thresholds)
    told = tuple(warnings(evidence, thresholds, now))
    milder = _first(_NOT_YET, evidence, thresholds, now)
    if milder is not None:
        told = tuple(each for each in told if each.kind is Kind.RETENTION_RISK)
    lacks = milder or _behind(evidence, thresholds, now)
    proof = _proof(lacks, told)
    if told:
        words = [each.why for each in told] + ([lacks[1]] if lacks else [])
        return Verdict(told[0].kind, "; ".join(words), thresholds, told, proof)
    return Verdict(*(lacks or _well(evidence)), thresholds, proof=proof)


def _proof(lacks: Finding | None, told: Iterable[Warned]) -> Proof:
    if any(each.kind in AGAINST_THE_SPEC for each in told):
        return Proof.LACKING
    if lacks is None:
        return Proof.PROVED
    return Proof.OPEN if lacks[0] is Kind.SEEN_ONCE else Proof.LACKING


def _first(rules: Iterable[Rule], evidence: Evidence, thresholds: Thresholds, now: int) -> Finding | None:
    return next((found for rule in rules if (found := rule(evidence, thresholds, now)) is not None), None)


def _lost(evidence: Evidence, thresholds: Thresholds, now: int) -> Finding | None:
    launcher = evidence.launcher
    if launcher is None:
        return None
    if not launcher.alive:
        return Kind.DRIVER_LOST, f"the launcher says {launcher.phase}{_last_words(evidence)}"
    if launcher.tag not in (None, evidence.tag):
        return Kind.DRIVER_LOST, f"the launcher runs {launcher.tag} in place of {evidence.tag}"
    return None


def _last_words(evidence: Evidence) -> str:
    status = told_status(evidence.launcher.exit_status if evidence.launcher else None)
    beat = evidence.own_heartbeat
    return (f", {status}" if status else "") + (f": {beat.exception}" if beat and beat.exception else "")


def _silent(evidence: Evidence, thresholds: Thresholds, now: int) -> Finding | None:
    """Without the launcher, a fresh heartbeat or a moving commit log must vouch for the driver."""
    moving = evidence.batches and not _stands_still(evidence, thresholds, now)
    if evidence.launcher is None and not moving and not _beats(evidence, thresholds, now):
        return Kind.UNKNOWN, "the launcher cannot be asked, and the driver is silent"
    return None


def _starting(evidence: Evidence, thresholds: Thresholds, now: int) -> Finding | None:
    beat = evidence.own_heartbeat
    if evidence.proved or evidence.batches or (beat is not None and beat.state != "starting"):
        return None
    age = now - evidence.submitted_at
    if age <= thresholds.start_within_ms:
        return Kind.STARTING, f"submitted {_seconds(age)} ago"
    return Kind.NEVER_STARTED, f"not running within {format_duration(thresholds.start_within_ms)} of its submit"


def _hung(evidence: Evidence, thresholds: Thresholds, now: int) -> Finding | None:
    if not _stands_still(evidence, thresholds, now):
        return None
    still = f"no progress for {_seconds(now - evidence.progress_at)}"
    if not evidence.reads_topic:  # without a topic there is always something to do: a trigger that found nothing ends
        return Kind.HUNG, f"{still}, in the middle of a trigger"
    if evidence.backlog is None:
        return Kind.UNKNOWN, f"{still}, and the backlog cannot be read"
    if not evidence.backlog or _waited_for_the_broker(evidence, thresholds, now):
        return None
    return Kind.HUNG, f"{still} with a backlog of {evidence.backlog}"


def _waited_for_the_broker(evidence: Evidence, thresholds: Thresholds, now: int) -> bool:
    """Whether the broker was away a moment ago: the driver waited for it like everybody, and has its patience anew."""
    return any(each.backlog is None and now - each.at <= thresholds.patience_ms(None) for each in evidence.history)


def _heartbeat_lost(evidence: Evidence, thresholds: Thresholds, now: int) -> Finding | None:
    if _beats(evidence, thresholds, now):
        return None
    beat = evidence.own_heartbeat
    age = "never" if beat is None else f"{_seconds(now - beat.at)} ago"
    return Kind.HEARTBEAT_LOST, f"the last heartbeat was {age}, but the driver is alive and not behind"


def _unproven(evidence: Evidence, thresholds: Thresholds, now: int) -> Finding | None:
    """Batches prove a driver, and so do triggers without anything to do; where records are rare, each counts."""
    beat, batches = evidence.own_heartbeat, evidence.batches
    quiet = max(beat.idle_triggers, beat.quiet_triggers) if beat else 0
    of_batches, of_quiet = thresholds.stable_batches, thresholds.stable_idle_triggers
    by_both = batches * of_quiet + quiet * of_batches >= of_batches * of_quiet and evidence.backlog == 0
    if evidence.proved or batches >= of_batches or by_both:
        return None
    rest = f", and {quiet} of {of_quiet} triggers without anything to do" if quiet else ""
    return Kind.UNPROVEN, f"{batches} of {of_batches} batches committed{rest}"


def _behind(evidence: Evidence, thresholds: Thresholds, now: int) -> Finding | None:
    """Batches alone prove no driver: it must keep up. What two batches read is no backlog, however it grew."""
    backlog = evidence.backlog or 0
    if evidence.proved or backlog < least_backlog(evidence, thresholds):
        return None
    before = before_now(evidence.history, now)
    if before is None or before.backlog is None:
        return Kind.SEEN_ONCE, f"a backlog of {backlog} offsets, which may grow or shrink"
    if backlog <= before.backlog * (1 + thresholds.backlog_rise / 100) + evidence.rows:
        return None
    return (
        Kind.FALLS_BEHIND,
        f"the backlog grows: {before.backlog} offsets {_seconds(now - before.at)} ago, {backlog} now",
    )


def _well(evidence: Evidence) -> Finding:
    if evidence.backlog == 0:
        return Kind.IDLE, "no backlog"
    return Kind.HEALTHY, f"{evidence.batches} batches committed since the submit"


_OVER: tuple[Rule, ...] = (_lost, _silent, _starting, _hung)
_NOT_YET: tuple[Rule, ...] = (_heartbeat_lost, _unproven)


def _stands_still(evidence: Evidence, thresholds: Thresholds, now: int) -> bool:
    """A driver's first batch may take as long as its start: it loads state and compiles, beside other drivers' own."""
    patience = thresholds.patience_ms(evidence.longest_batch_ms)
    return now - evidence.progress_at > (
        patience if evidence.batches or evidence.proved else max(patience, thresholds.start_within_ms)
    )


def _beats(evidence: Evidence, thresholds: Thresholds, now: int) -> bool:
    beat = evidence.own_heartbeat
    return beat is not None and now - beat.at <= thresholds.heartbeat_lost_after_ms


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.0f} s"
