"""Streams as Prometheus sees them: series of the catalogue whose values are functions of time; nothing is behind them.

A scene is what all streams show at once. Cases change some series of a stream that is well otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tideline.exporter import catalogue as names
from tideline.exporter.catalogue import KEY_LABEL, Series
from tideline.keeper.failures import FailureClass
from tideline.keeper.lifecycle import Desired, State


@dataclass(frozen=True)
class Moment:
    """A time in epoch seconds, and in seconds since the scene began."""

    now: float
    at: float


Value = Callable[[Moment], float]


@dataclass(frozen=True)
class Key:
    """One series: a name, and its labels in order. `job` is set for series that are not of the catalogue."""

    name: str
    labels: tuple[tuple[str, str], ...]
    job: str = ""


Scene = Mapping[Key, Value]


def steady(value: float) -> Value:
    return lambda moment: value


def rising(per_second: float) -> Value:
    """A counter."""
    return lambda moment: per_second * moment.at


def ago(seconds: float) -> Value:
    """A timestamp that stays so far behind."""
    return lambda moment: moment.now - seconds


def ahead(seconds: float) -> Value:
    """A time to come that is put off for ever."""
    return ago(-seconds)


def key(series: Series, **labels: str) -> Key:
    """Refuses labels that the catalogue does not give the series."""
    plain = {name for name in labels if not name.startswith(KEY_LABEL)}
    if plain != set(series.labels):
        raise ValueError(f"{series.name} has the labels {', '.join(series.labels)}, not {', '.join(sorted(plain))}")
    return Key(series.name, tuple(labels.items()))


def window_value(stream: str, metric: str, measure: str, **keys: str) -> Key:
    return key(names.WINDOW_VALUE, stream=stream, metric=metric, measure=measure, **keys)


def state_of(stream: str, state: State) -> dict[Key, Value]:
    return {key(names.STREAM_STATE, stream=stream, state=each): steady(each is state) for each in State}


def desired_of(stream: str, desired: Desired) -> dict[Key, Value]:
    return {key(names.STREAM_DESIRED, stream=stream, desired=each): steady(each is desired) for each in Desired}


def verdict(stream: str, kind: str, severity: str = "none") -> Key:
    return key(names.STREAM_VERDICT, stream=stream, verdict=kind, severity=severity)


def ended(stream: str, outcome: str) -> Key:
    return key(names.ATTEMPTS_ENDED, stream=stream, outcome=outcome)


def ledger(stream: str, fate: str) -> Key:
    return key(names.LEDGER_EVENTS, stream=stream, fate=fate)


def keeper_backlog(stream: str) -> Key:
    return key(names.STREAM_BACKLOG, stream=stream)


def driver_backlog(stream: str) -> Key:
    return key(names.BACKLOG, stream=stream, partition="0")


def pushed(stream: str) -> Key:
    """When the driver's numbers came to the Pushgateway, as that tells."""
    return Key("push_time_seconds", (("stream", stream),), PUSHED)


def platform_side(stream: str) -> dict[Key, Value]:
    """What the platform's exporter tells of a stream that is well."""
    return {
        **state_of(stream, State.STABLE),
        **desired_of(stream, Desired.RUNNING),
        verdict(stream, "Healthy"): steady(1),
        **{ended(stream, outcome): steady(0) for outcome in FailureClass},
        key(names.BUDGET_LEFT, stream=stream): steady(4),
        key(names.HEARTBEAT, stream=stream): ago(2),
        key(names.KEEPER_LOOKED, stream=stream): ago(30),
        keeper_backlog(stream): steady(500),
        **{ledger(stream, fate): steady(0) for fate in ("pending", "held", "unrecoverable")},
        key(names.BOOKS_BALANCED, stream=stream): steady(1),
        key(names.ANOMALIES, stream=stream, kind="ddos", status="raised"): steady(3),
        key(names.ANOMALIES, stream=stream, kind="ddos", status="withdrawn"): steady(1),
    }


def driver_side(stream: str) -> dict[Key, Value]:
    """What the driver of a stream that is well tells."""
    shop = {"key_service": "shop"}
    return {
        key(names.DRIVER_STARTED, stream=stream): ago(7_200),
        key(names.RECORDS, stream=stream): rising(100),
        key(names.REJECTS, stream=stream, reason="malformed_json"): rising(1),
        key(names.LATE_EVENTS, stream=stream): rising(1),
        driver_backlog(stream): steady(500),
        key(names.BATCH_COMMITTED, stream=stream): ago(2),
        key(names.BATCH_LAST_DURATION, stream=stream): steady(1),
        window_value(stream, "response_time", "request_count", **shop): steady(50),
        window_value(stream, "error_rate", "error_rate", **shop): steady(4),
        window_value(stream, "system_health", "health_score"): steady(80),
        window_value(stream, "system_health", "total_requests"): steady(200),
        **{key(names.WINDOW_END, stream=stream, metric=each): ago(90) for each in ("error_rate", "system_health")},
    }


def well(stream: str) -> dict[Key, Value]:
    return platform_side(stream) | driver_side(stream)


def idle(stream: str) -> dict[Key, Value]:
    """Nothing comes since long ago, and what came last was bad."""
    last_words = {
        key(names.BATCH_COMMITTED, stream=stream): ago(90_000),
        keeper_backlog(stream): steady(0),
        driver_backlog(stream): steady(0),
        key(names.RECORDS, stream=stream): steady(1_000),
        key(names.REJECTS, stream=stream, reason="malformed_json"): steady(900),
        key(names.LATE_EVENTS, stream=stream): steady(90),
        window_value(stream, "error_rate", "error_rate", key_service="shop"): steady(70),
        window_value(stream, "system_health", "health_score"): steady(40),
        **{key(names.WINDOW_END, stream=stream, metric=each): ago(90_000) for each in ("error_rate", "system_health")},
    }
    return without(well(stream), verdict(stream, "Healthy")) | last_words | {verdict(stream, "Idle"): steady(1)}


def proving(stream: str, seconds: float) -> dict[Key, Value]:
    """Its driver is not proved yet, and has so long for it."""
    told = without(well(stream), verdict(stream, "Healthy"))
    unproven = {verdict(stream, "Unproven"): steady(1), key(names.PROOF_DUE, stream=stream): ahead(seconds)}
    return told | state_of(stream, State.DEPLOYED) | unproven


def few_requests(stream: str) -> dict[Key, Value]:
    """Of the few requests that come, most end in errors."""
    shop = {"key_service": "shop"}
    errors = {
        window_value(stream, "response_time", "request_count", **shop): steady(3),
        window_value(stream, "error_rate", "error_rate", **shop): steady(70),
        window_value(stream, "system_health", "health_score"): steady(40),
        window_value(stream, "system_health", "total_requests"): steady(3),
    }
    return well(stream) | errors


def asked_to_end(stream: str, desired: Desired, state: State) -> dict[Key, Value]:
    """Stopped or suspended with a backlog, by the platform's word alone. Its last pushes are still there: the driver
    was killed while a part of it failed."""
    silent = {
        key(names.HEARTBEAT, stream=stream): ago(90_000),
        key(names.KEEPER_LOOKED, stream=stream): ago(90_000),
        keeper_backlog(stream): steady(5_000),
        driver_backlog(stream): steady(5_000),
        key(names.BATCH_COMMITTED, stream=stream): ago(90_000),
        key(names.BATCH_LAST_DURATION, stream=stream): steady(1),
        key(names.PART_FAILS, stream=stream, part="detector ddos"): steady(1),
        pushed(stream): ago(90_000),
    }
    told = without(platform_side(stream), verdict(stream, "Healthy"))
    return told | state_of(stream, state) | desired_of(stream, desired) | silent


def without(scene: Scene, *gone: Key) -> dict[Key, Value]:
    return {each: value for each, value in scene.items() if each not in gone}


PLATFORM: Final = "tideline_platform"
DRIVERS: Final = "tideline_drivers"
PUSHED: Final = "spark_streaming"
QUIET: Final[Scene] = {
    **well("well"),
    **few_requests("at-night"),
    **idle("idle"),
    **proving("long-trigger", 1_000),
    **asked_to_end("stopped", Desired.STOPPED, State.STOPPED),
    **asked_to_end("suspended", Desired.SUSPENDED, State.SUSPENDED),
    **{key(names.LOOKED_AT, part=part): ago(5) for part in ("streams", "books")},
    Key("up", (("instance", "platform"),), PLATFORM): steady(1),
}
"""Streams that set nothing off, and the exporter that tells of them."""
