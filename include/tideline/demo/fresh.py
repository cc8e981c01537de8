"""Begins the demo's stream anew, if all it holds came from an earlier demo: nobody's data is removed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tideline.errors import UserError
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import TopicMissing, delete_topic, end_offsets, topic_id
from tideline.keeper.lifecycle import State
from tideline.spec.model import StreamSpec

_FRESH = ("heartbeat.json", "stop", "driver.log")


def leave_mark(home: Home, kafka: KafkaAccess, spec: StreamSpec, records: int) -> None:
    """Notes that the topic is the demo's, and will hold at most so many records of its."""
    mark = home.stream(spec.name).root / "demo.json"
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps({"topic_id": topic_id(kafka, spec.source.topic), "records": records}))


def needs_fresh_start(home: Home, kafka: KafkaAccess, spec: StreamSpec) -> bool:
    """Whether an earlier demo left data; UserError if the topic or the stream holds anything else."""
    records = _records(kafka, spec.source.topic)
    has_batches = home.tables(spec.name).exists()
    if not records and not has_batches:
        return False
    mark = left_mark(home, spec.name)
    if mark.get("topic_id") != topic_id(kafka, spec.source.topic) or mark.get("records", 0) < records:
        raise UserError(
            f"topic '{spec.source.topic}' or stream '{spec.name}' holds data that is not from a demo",
            "set TIDELINE_HOME to an empty folder, and other ports, for a demo of its own",
        )
    return True


def left_mark(home: Home, stream: str) -> dict[str, Any]:
    """What an earlier demo noted; empty where there was none, or its note was cut short."""
    try:
        return dict(json.loads((home.stream(stream).root / "demo.json").read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def must_be_stopped(rows: Iterable[Mapping[str, object]], stream: str) -> bool:
    """Whether the registry's rows hold the stream, and not at its end: an earlier demo may not have deployed it."""
    return any(row["name"] == stream and row["state"] != State.STOPPED for row in rows)


def start_fresh(home: Home, kafka: KafkaAccess, spec: StreamSpec, stop: Callable[[], None]) -> None:
    """Stops the stream, as `stop` does it, and removes what the earlier demo sent and computed."""
    stop()
    stream = home.stream(spec.name)
    for folder in (home.tables(spec.name), *stream.root.glob("g*")):
        shutil.rmtree(folder, ignore_errors=True)
    for name in _FRESH:
        (stream.root / name).unlink(missing_ok=True)
    delete_topic(kafka, spec.source.topic)


def _records(kafka: KafkaAccess, topic: str) -> int:
    """How far the topic's offsets have come; 0 where there is none."""
    try:
        return sum(end_offsets(kafka, topic).values())
    except TopicMissing:
        return 0
