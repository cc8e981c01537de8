"""What `sinks` and `on_time_topic` say, checked against the metrics there are and the topic that the stream reads."""

from __future__ import annotations

from collections.abc import Iterator

from tideline.spec.problems import Problem, did_you_mean
from tideline.spec.yaml_text import Path, Text, mapping


def sink_problems(text: Text) -> Iterator[Problem]:
    """Metrics that there are not, topics that the stream would read again, and rows that a topic would get twice.

    Wrong shapes are left to the model.
    """
    on_time = mapping(text.data, "late_data").get("on_time_topic")
    yield from _own_topic(text, ("late_data", "on_time_topic"), on_time)
    sent: set[tuple[str, str]] = set()
    metrics = mapping(text.data, "metrics")
    sinks = text.data.get("sinks")
    for place, sink in enumerate(sinks if isinstance(sinks, list) else []):
        if not isinstance(sink, dict):
            continue
        topic, named = sink.get("topic"), sink.get("metrics")
        yield from _own_topic(text, ("sinks", place, "topic"), topic)
        if isinstance(topic, str):
            here = {
                (topic, metric) for metric in (named if isinstance(named, list) else metrics) if isinstance(metric, str)
            }
            yield from _sent_twice(text, ("sinks", place, "topic"), sorted(here & sent))
            sent |= here
            if topic == on_time:
                message = f"'{topic}' is the topic of on-time events: readers could not tell rows from events"
                yield text.at_value(("sinks", place, "topic"), message, "name another topic")
        for number, metric in enumerate(named if isinstance(named, list) else []):
            if isinstance(metric, str) and metric not in metrics:
                hint = did_you_mean(metric, metrics, "metrics are")
                yield text.at_value(("sinks", place, "metrics", number), f"there is no metric '{metric}'", hint)


def _sent_twice(text: Text, path: Path, twice: list[tuple[str, str]]) -> Iterator[Problem]:
    if twice:
        topic, metric = twice[0]
        message = f"'{topic}' gets the rows of '{metric}' from another sink already: readers would have them twice"
        yield text.at_value(path, message, "name another topic, or other metrics")


def _own_topic(text: Text, path: Path, topic: object) -> Iterator[Problem]:
    if isinstance(topic, str) and topic == mapping(text.data, "source").get("topic"):
        yield text.at_value(path, f"the stream reads '{topic}': it would read what it sends", "name another topic")
