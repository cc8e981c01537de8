"""Kafka records and specs as tests write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tideline.spec.model import StreamSpec

CHECKOUT = Path(__file__).resolve().parents[2]


def log_metrics() -> StreamSpec:
    """The stream that the project ships."""
    return StreamSpec.model_validate(yaml.safe_load((CHECKOUT / "include/streams/log-metrics.yaml").read_text()))


LONGER = frozenset({"ip_patterns", "user_services"})
"""Its metrics of five minutes that wait ten; the others are of one minute and wait five."""


def small_spec(**metrics: dict[str, Any]) -> StreamSpec:
    """A stream with a watermark delay of 10 s and by default one count by service in windows of 10 s."""
    counts = {"window": "10 seconds", "keys": ["service"], "measures": {"request_count": "count"}}
    return StreamSpec.model_validate(
        {
            "name": "small",
            "source": {"topic": "small"},
            "watermark": "10 seconds",
            "metrics": metrics or {"counts": counts},
        }
    )


def log_line(seconds: float, service: str | None = "a", **fields: Any) -> bytes:
    """A JSON log at an event time in seconds since the epoch."""
    return json.dumps({"timestamp": round(seconds * 1000), "service": service, **fields}).encode()


def micro_line(micros: int, service: str | None = "a", **fields: Any) -> bytes:
    """A JSON log at an event time in microseconds since the epoch, which only a text can say."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    return json.dumps({"timestamp": at.isoformat(), "service": service, **fields}).encode()
