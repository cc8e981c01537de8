"""Kafka records and specs as tests write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from tideline.records import RECORDS
from tideline.spec.model import StreamSpec

RECORDED_MS = 4_000_000_000_000  # far ahead of every event, so that none is from the future
CHECKOUT = Path(__file__).resolve().parents[2]


def log_metrics() -> StreamSpec:
    """The stream that the project ships."""
    return StreamSpec.model_validate(yaml.safe_load((CHECKOUT / "include/streams/log-metrics.yaml").read_text()))


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


def records(values: Sequence[bytes | None], partition: int = 0, first_offset: int = 0) -> pa.Table:
    """Values as consecutive records of one partition."""
    count = len(values)
    return pa.table(
        {
            "partition": pa.array([partition] * count, pa.int32()),
            "offset": pa.array(range(first_offset, first_offset + count), pa.int64()),
            "timestamp": pa.array([RECORDED_MS * 1000] * count, pa.timestamp("us", "UTC")),
            "value": pa.array(values, pa.binary()),
        },
        schema=RECORDS,
    )
