"""A stream drawn at random: windows, slides, delays, keys, conditions and measures."""

from __future__ import annotations

import re
from random import Random
from typing import Any, Final

from tideline.spec.model import StreamSpec

_SLIDES_S: Final = (1, 7, 10, 30, 60, 300, 3600)
_SLIDES_IN_A_WINDOW: Final = (1, 1, 1, 2, 3, 5)
_DELAYS_S: Final = (0, 1, 10, 60, 300, 1800)
_KEYS: Final = ("service", "level", "status_code", "ip_address", "user_id", "error_code")
_MEASURES: Final = (
    "count",
    "count_if(status_code >= 400)",
    "sum(response_time)",
    "sum(status_code)",
    "avg(response_time)",
    "avg(status_code)",
    "min(response_time)",
    "max(response_time)",
    "stddev(response_time)",
    "stddev(status_code)",
    "count_distinct(user_id)",
    "count_distinct(ip_address)",
    "approx_count_distinct(user_id)",
    "approx_count_distinct(ip_address)",
    "set(service)",
    "set(level)",
    "sequence(level)",
    "sequence(user_id)",
    "min(timestamp)",
    "max(timestamp)",
)
_WHERE: Final = ("status_code >= 400", "response_time <= 1.0")


def random_spec(rng: Random, name: str, events: int, partitions: int) -> StreamSpec:
    """One to three metrics; a stream of `events` takes about 4 to 16 batches."""
    return StreamSpec.model_validate(
        {
            "name": name,
            "source": {
                "topic": name,
                "partitions": partitions,
                "max_offsets_per_trigger": rng.randint(events // 16, events // 4),
            },
            "watermark": _seconds(rng.choice(_DELAYS_S)),
            "trigger": "200 milliseconds",
            "metrics": {f"metric_{number}": _metric(rng) for number in range(rng.randint(1, 3))},
        }
    )


def changed_spec(rng: Random, spec: StreamSpec) -> StreamSpec:
    """The same stream with other metrics: some stay as they are, some are drawn anew, one may come or go."""
    drawn = random_spec(rng, spec.name, 1000, spec.source.partitions)
    kept = {name: metric for name, metric in spec.metrics.items() if rng.random() < 0.5}
    return spec.model_copy(update={"metrics": {**drawn.metrics, **kept}})


def _metric(rng: Random) -> dict[str, Any]:
    slide = rng.choice(_SLIDES_S)
    slides = rng.choice(_SLIDES_IN_A_WINDOW)
    measures = rng.sample(_MEASURES, rng.randint(1, 5))
    metric: dict[str, Any] = {
        "window": _seconds(slide * slides),
        "keys": rng.sample(_KEYS, rng.choice((0, 1, 1, 2))),
        "measures": {_column(measure): measure for measure in measures},
    }
    if slides > 1:
        metric["slide"] = _seconds(slide)
    if rng.random() < 0.2:
        metric["where"] = rng.choice(_WHERE)
    if rng.random() < 0.5:
        metric["watermark"] = _seconds(rng.choice(_DELAYS_S))
    return metric


def _column(measure: str) -> str:
    """A column named after what it holds: the same name never means another type in a changed spec."""
    return "m_" + re.sub("[^a-z0-9]+", "_", measure).strip("_")


def _seconds(count: int) -> str:
    return f"{count} seconds"
