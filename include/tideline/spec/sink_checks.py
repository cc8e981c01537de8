"""What `sinks` and `on_time_topic` say, checked against the metrics there are and the topic that the stream reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tideline.spec.problems import Problem, did_you_mean
from tideline.spec.yaml_text import Path, Text, mapping


def sink_problems(text: Text) -> Iterator[Problem]:
    """Metrics that there are not, topics that the stream would read again, and rows that would come twice.

    Wrong shapes are left to the model.
    """
    on_time = mapping(text.data, "late_data").get("on_time_topic")
    yield from _own_topic(text, ("late_data", "on_time_topic"), on_time)
    sent: set[tuple[str, str]] = set()
    metrics = mapping(text.data, "metrics")
    sinks = text.data.get("sinks")
    for number, sink in enumerate(sinks if isinstance(sinks, list) else []):
        if not isinstance(sink, dict):
            continue
        path, topic = ("sinks", number), sink.get("topic")
        yield from _own_topic(text, (*path, "topic"), topic)
        if isinstance(topic, str) and topic == on_time:
            message = f"'{topic}' is the topic of on-time events: readers could not tell rows from events"
            yield text.at_value((*path, "topic"), message, "name another topic")
        named = sink.get("metrics")
        named = named if isinstance(named, list) else []
        yield from _named_problems(text, (*path, "metrics"), named, metrics)
        for key, place in _place(sink):
            here = {(place, metric) for metric in named or metrics if isinstance(metric, str)}
            yield from _sent_twice(text, (*path, key), sorted(here & sent))
            sent |= here


def _place(sink: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where a sink's rows go, with the key that says so, as far as it can be told."""
    if sink.get("to") == "console":
        yield "to", "the console"
    elif isinstance(sink.get("topic"), str):
        yield "topic", f"'{sink['topic']}'"


def _named_problems(text: Text, path: Path, named: list[Any], metrics: Mapping[str, Any]) -> Iterator[Problem]:
    """`named` are the metrics of one sink."""
    for place, metric in enumerate(named):
        if isinstance(metric, str) and metric not in metrics:
            hint = did_you_mean(metric, metrics, "metrics are")
            yield text.at_value((*path, place), f"there is no metric '{metric}'", hint)
        elif isinstance(metric, str) and metric in named[:place]:
            message = f"'{metric}' stands twice in this sink: readers would have its rows twice"
            yield text.at_value((*path, place), message, "name it once")


def _sent_twice(text: Text, path: Path, twice: list[tuple[str, str]]) -> Iterator[Problem]:
    if twice:
        place, metric = twice[0]
        message = f"{place} gets the rows of '{metric}' from another sink already: readers would have them twice"
        hint = "name other metrics" if path[-1] == "to" else "name another topic, or other metrics"
        yield text.at_value(path, message, hint)


def _own_topic(text: Text, path: Path, topic: object) -> Iterator[Problem]:
    if isinstance(topic, str) and topic == mapping(text.data, "source").get("topic"):
        yield text.at_value(path, f"the stream reads '{topic}': it would read what it sends", "name another topic")
