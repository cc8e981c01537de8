"""What `detectors` say, checked against the metrics there are; what is of the wrong shape is left to the model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tideline.spec.detectors import FEWEST_WINDOWS
from tideline.spec.metric_checks import published_columns
from tideline.spec.problems import Problem, did_you_mean
from tideline.spec.source_checks import event_columns
from tideline.spec.sql_checks import check_condition
from tideline.spec.yaml_text import Path, Text, mapping

_NUMBER: Final = re.compile(r"BIGINT|DOUBLE")


def detector_problems(text: Text) -> Iterator[Problem]:
    columns = event_columns(text)
    metrics = mapping(text.data, "metrics")
    for name, detector in mapping(text.data, "detectors").items():
        if isinstance(detector, dict):
            yield from _problems(text, ("detectors", name), detector, metrics, columns)


def _problems(
    text: Text, path: Path, detector: Mapping[str, Any], metrics: Mapping[str, Any], columns: Mapping[str, str]
) -> Iterator[Problem]:
    metric = detector.get("metric")
    if not isinstance(metric, str):
        return
    if metric not in metrics:
        hint = did_you_mean(metric, metrics, "metrics are")
        yield text.at_value((*path, "metric"), f"there is no metric '{metric}'", hint)
        return
    if not isinstance(metrics[metric], dict):
        return
    published = published_columns(metrics[metric], columns)
    yield from _observed_problems(text, path, detector.get("observed"), metric, published)
    if isinstance(detector.get("when"), str):
        yield from check_condition(text, (*path, "when"), detector["when"], published)
    least, windows = detector.get("at_least", 3), detector.get("windows", 10)
    if isinstance(least, int) and isinstance(windows, int) and least > windows >= FEWEST_WINDOWS:
        place = (*path, "at_least" if "at_least" in detector else "windows")
        yield text.at_value(
            place, f"of {windows} windows there are never {least}", f"write `at_least: {windows}` or `windows: {least}`"
        )


def _observed_problems(
    text: Text, path: Path, observed: Any, metric: str, published: Mapping[str, str]
) -> Iterator[Problem]:
    if not isinstance(observed, str):
        return
    numbers = [name for name, kind in published.items() if _NUMBER.fullmatch(kind)]
    if observed not in published:
        hint = did_you_mean(observed, published, "columns are")
        yield text.at_value((*path, "observed"), f"{metric} has no column '{observed}'", hint)
    elif observed not in numbers:
        yield text.at_value((*path, "observed"), f"'{observed}' is no number", f"numbers are {', '.join(numbers)}")
