"""What sets each alert off: changes of a stream that is well, which is named as the case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from support.scene import (
    DRIVERS,
    PLATFORM,
    QUIET,
    Key,
    Moment,
    Scene,
    Value,
    ago,
    desired_of,
    driver_backlog,
    driver_side,
    ended,
    keeper_backlog,
    key,
    ledger,
    proving,
    pushed,
    rising,
    state_of,
    steady,
    verdict,
    well,
    window_value,
    without,
)
from tideline.exporter import catalogue as names
from tideline.exporter.catalogue import CATALOGUE, Scope
from tideline.keeper.lifecycle import Desired, State


@dataclass(frozen=True)
class Case:
    """One condition, and the alert that it sets off; `more` are the alert's labels beside the stream, if it has one."""

    alert: str
    severity: str
    stream: str
    before: Mapping[Key, Value]
    trouble: Mapping[Key, Value]
    gone: tuple[Key, ...] = ()
    more: tuple[tuple[str, str], ...] = ()
    of_stream: bool = True

    @property
    def fired(self) -> tuple[str, str, str]:
        """Alert, severity and stream."""
        return self.alert, self.severity, self.stream if self.of_stream else ""


def _of_stream(alert: str, severity: str, name: str, trouble: Mapping[Key, Value], *gone: Key) -> Case:
    return Case(alert, severity, name, well(name), trouble, gone=gone)


def _states() -> Iterator[Case]:
    name = "down"
    yield _of_stream("TidelineStreamDown", "page", name, {key(names.HEARTBEAT, stream=name): ago(600)})
    name = "never-told"
    yield _of_stream("TidelineStreamDown", "page", name, {}, key(names.HEARTBEAT, stream=name))
    name = "unkept"
    yield _of_stream("TidelineKeeperAway", "page", name, {key(names.KEEPER_LOOKED, stream=name): ago(600)})
    name = "unproven"
    yield _of_stream("TidelineStreamNotStable", "warn", name, state_of(name, State.BACKOFF))
    name = "overdue"
    yield Case("TidelineStreamNotStable", "warn", name, well(name), proving(name, 800), (verdict(name, "Healthy"),))
    name = "crashing"
    silent = {key(names.HEARTBEAT, stream=name): ago(600), key(names.BUDGET_LEFT, stream=name): steady(0)}
    yield _of_stream("TidelineCrashLoop", "page", name, state_of(name, State.CRASH_LOOP) | silent)
    name = "failed"
    silent = {key(names.HEARTBEAT, stream=name): ago(600)}
    yield _of_stream("TidelineStreamFailed", "page", name, state_of(name, State.FAILED) | silent)
    name = "restarting"
    yield _of_stream("TidelineRestartsOften", "warn", name, {ended(name, "infrastructure"): steady(5)})
    name = "failing"
    spent = {ended(name, "transient"): steady(3), key(names.BUDGET_LEFT, stream=name): steady(1)}
    yield _of_stream("TidelineRestartBudgetLow", "warn", name, spent)


def _verdicts() -> Iterator[Case]:
    for kind, severity in (
        ("HeartbeatLost", "warn"),
        ("BacklogRising", "warn"),
        ("BacklogRising", "page"),
        ("WatermarkStalled", "warn"),
        ("BatchSlowerThanTrigger", "warn"),
        ("RetentionRisk", "warn"),
        ("RetentionRisk", "page"),
    ):
        name = f"{kind}-{severity}"
        told = {verdict(name, kind, severity): steady(1)}
        yield _of_stream(f"Tideline{kind}", severity, name, told, verdict(name, "Healthy"))
    for severity, share in (("warn", 0.6), ("page", 0.9)):
        name = f"unread-{severity}"
        suspended = desired_of(name, Desired.SUSPENDED) | state_of(name, State.SUSPENDED)
        unread = {key(names.STREAM_UNREAD, stream=name): steady(share)}
        yield _of_stream("TidelineRetentionRisk", severity, name, suspended | unread)
    for name, unseen in (("hung", driver_backlog), ("hung-without-keeper", keeper_backlog)):
        stands_still = {key(names.BATCH_COMMITTED, stream=name): ago(3_600)}
        yield _of_stream("TidelineHung", "page", name, stands_still, unseen(name))
    name = "sick"
    failing = {key(names.PART_FAILS, stream=name, part="detector ddos"): steady(1)}
    yield replace(_of_stream("TidelinePartFails", "warn", name, failing), more=(("part", "detector ddos"),))


def _books() -> Iterator[Case]:
    name = "unbalanced"
    yield _of_stream("TidelineBooksDoNotBalance", "page", name, {key(names.BOOKS_BALANCED, stream=name): steady(0)})
    name = "uncorrected"
    waiting = {key(names.PENDING_SINCE, stream=name): ago(7_200), ledger(name, "pending"): steady(9)}
    yield _of_stream("TidelineLateEventsPending", "warn", name, waiting)
    name = "held"
    yield _of_stream("TidelineCorrectionsHeld", "warn", name, {ledger(name, "held"): steady(3)})
    name = "lost"
    yield _of_stream("TidelineEventsUnrecoverable", "warn", name, {ledger(name, "unrecoverable"): steady(3)})
    name = "refusing"
    many = {key(names.REJECTS, stream=name, reason="malformed_json"): rising(20)}
    yield _of_stream("TidelineRejectsHigh", "warn", name, many)
    name = "late"
    yield _of_stream("TidelineLateHigh", "warn", name, {key(names.LATE_EVENTS, stream=name): rising(20)})


def _exporters() -> Iterator[Case]:
    up = Key("up", (("instance", "other"),), PLATFORM)
    asked = (("instance", "other"), ("job", PLATFORM))
    yield Case("TidelineExporterDown", "page", "other", {up: steady(1)}, {up: steady(0)}, (), asked, of_stream=False)
    for part, severity, seconds in (("streams", "page", 300), ("books", "warn", 3_600)):
        looked = key(names.LOOKED_AT, part=part)
        before, trouble, more = {looked: ago(5)}, {looked: ago(seconds)}, (("part", part),)
        yield Case("TidelineLooksFail", severity, part, before, trouble, (), more, of_stream=False)
    yield from _silent_drivers()


def _silent_drivers() -> Iterator[Case]:
    """Asked in vain; no target, as one without a port or one that pushes nowhere; no push any more; no Pushgateway."""
    name = "silent"
    up = Key("up", (("stream", name), ("instance", name)), DRIVERS)
    yield Case(
        "TidelineDriverSilent", "warn", name, well(name) | {up: steady(1)}, {up: steady(0)}, (*driver_side(name),)
    )
    name = "no-target"
    yield _of_stream("TidelineDriverSilent", "warn", name, {}, *driver_side(name))
    name = "not-pushing"
    yield Case("TidelineDriverSilent", "warn", name, well(name) | {pushed(name): ago(5)}, {pushed(name): ago(600)})
    name = "gateway-away"
    told = well(name) | {pushed(name): ago(5)}
    yield Case("TidelineDriverSilent", "warn", name, told, {}, (*driver_side(name), pushed(name)))


def _business() -> Iterator[Case]:
    name = "erring"
    rate = window_value(name, "error_rate", "error_rate", key_service="shop")
    erring = _of_stream("TidelineErrorRateHigh", "warn", name, {rate: steady(12)})
    yield replace(erring, more=(("service", "shop"),))
    name = "unhealthy"
    score = window_value(name, "system_health", "health_score")
    yield _of_stream("TidelineHealthScoreLow", "page", name, {score: steady(40)})
    name = "more-anomalies"
    more = {key(names.ANOMALIES, stream=name, kind="ddos", status="raised"): steady(5)}
    yield replace(_of_stream("TidelineAnomaliesRaised", "warn", name, more), more=(("kind", "ddos"),))
    name = "first-anomaly"
    first = {key(names.ANOMALY_SCORE, stream=name, kind="error_rate_spike", key_service="shop"): steady(14)}
    yield replace(_of_stream("TidelineAnomaliesRaised", "warn", name, first), more=(("kind", "error_rate_spike"),))


def replaced(stream: str, gone: int, back: int) -> tuple[Scene, Scene]:
    """A stream whose driver is replaced: before and after, and between the minutes `gone` and `back`, when nobody tells
    for it. What the new driver counts begins at 0, and the keeper counts one driver more that ended."""

    def anew(moment: Moment) -> float:
        return 100 * (moment.at if moment.at < gone * 60 else max(0.0, moment.at - back * 60))

    def started(moment: Moment) -> float:
        return moment.now - 7_200 if moment.at < gone * 60 else moment.now - moment.at + back * 60

    own = {
        key(names.RECORDS, stream=stream): anew,
        key(names.DRIVER_STARTED, stream=stream): started,
        ended(stream, "infrastructure"): lambda moment: float(moment.at >= gone * 60),
    }
    scene = {**QUIET, **well(stream), **own}
    return scene, without(scene, *driver_side(stream)) | state_of(stream, State.STARTING)


def nobody_asks() -> tuple[Scene, Scene]:
    """Streams whose drivers are asked still, before and after the platform's exporter is no target any more."""
    platform = {each.name for each in CATALOGUE if each.scope is Scope.PLATFORM}
    told = [each for each in QUIET if each.name in platform or each.job == PLATFORM]
    return QUIET, without(QUIET, *told)


CASES: Final = (*_states(), *_verdicts(), *_books(), *_exporters(), *_business())
WELL: Final[Scene] = {**QUIET, **{key: value for case in CASES for key, value in case.before.items()}}
TROUBLE: Final[Scene] = without(
    {**WELL, **{key: value for case in CASES for key, value in case.trouble.items()}},
    *(key for case in CASES for key in case.gone),
)
"""All cases at once, beside the streams that nothing is wrong with."""
