"""What `sinks` and `on_time_topic` say, checked against the metrics there are and the topic that the stream reads."""

from __future__ import annotations

from collections.abc import Iterator

from tideline.spec.problems import Problem, did_you_mean
from tideline.spec.yaml_text import Path, Text, mapping


def sink_problems(text: Text) -> Iterator[Problem]:
    """Metrics that there are not, and topics that the stream would read again; wrong shapes are left to the model."""
    yield from _own_topic(text, ("late_data", "on_time_topic"), mapping(text.data, "late_data").get("on_time_topic"))
    metrics = mapping(text.data, "metrics")
    sinks = text.data.get("sinks")
    for place, sink in enumerate(sinks if isinstance(sinks, list) else []):
        if not isinstance(sink, dict):
            continue
        yield from _own_topic(text, ("sinks", place, "topic"), sink.get("topic"))
        named = sink.get("metrics")
        for number, metric in enumerate(named if isinstance(named, list) else []):
            if isinstance(metric, str) and metric not in metrics:
                hint = did_you_mean(metric, metrics, "metrics are")
                yield text.at_value(("sinks", place, "metrics", number), f"there is no metric '{metric}'", hint)


def _own_topic(text: Text, path: Path, topic: object) -> Iterator[Problem]:
    if isinstance(topic, str) and topic == mapping(text.data, "source").get("topic"):
        yield text.at_value(path, f"the stream reads '{topic}': it would read what it sends", "name another topic")
