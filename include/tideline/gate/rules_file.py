"""A stream's own expectations, `include/expectations/<stream>.yaml`: of its corrections and of its tables.

corrections:
  - expect_column_values_to_be_between: {column: events, max_value: 100000}
tables:
  error_rate:
    - expect_column_values_to_be_between: {column: error_rate, min_value: 0, max_value: 100}

They are added to those that hold for any stream, `tideline.gate.rules`, and are read anew whenever they are needed: a
change counts from the next reconciliation on, without a deploy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tideline.gate.rules import MISALIGNED, Rule
from tideline.home import expectations_folder
from tideline.spec.file_text import file_text
from tideline.spec.load import SUFFIX
from tideline.spec.model import StreamSpec
from tideline.spec.problems import Problem, SpecError, did_you_mean
from tideline.spec.yaml_text import Path as Place
from tideline.spec.yaml_text import Text, read_yaml

CORRECTIONS: Final = "corrections"
TABLES: Final = "tables"
CORRECTION_COLUMNS: Final = ("version", "metric", "window_start", "window_end", "key", "events", MISALIGNED)
_WRITE: Final = "such as `- expect_column_values_to_not_be_null: {column: service}`"


@dataclass(frozen=True)
class StreamRules:
    """What a person expects of a stream's corrections, and of its tables by metric."""

    corrections: tuple[Rule, ...] = ()
    tables: dict[str, tuple[Rule, ...]] = field(default_factory=dict)


def load_rules(spec: StreamSpec, folder: Path | None = None) -> StreamRules:
    """The stream's file, none if there is no such file; SpecError names every problem with its place, UserError says
    that the file cannot be read."""
    path = (folder or expectations_folder()) / f"{spec.name}{SUFFIX}"
    shown = f"{path.parent.name}/{path.name}"
    return parse_rules(file_text(path, shown), shown, spec) if path.exists() else StreamRules()


def parse_rules(text: str, name: str, spec: StreamSpec) -> StreamRules:
    """The expectations in a text; `name` is what its problems call the text."""
    read = read_yaml(text)
    if isinstance(read, Problem):
        raise SpecError(name, text, [read])
    problems = [*_problems(read, spec), *read.doubled_keys()]
    if problems:
        raise SpecError(name, text, problems)
    tables = read.data.get(TABLES, {})
    return StreamRules(
        tuple(_rules(read.data.get(CORRECTIONS, []))),
        {metric: tuple(_rules(items)) for metric, items in tables.items()},
    )


def _rules(items: list[dict[str, Any]]) -> Iterator[Rule]:
    for item in items:
        for expectation, arguments in item.items():
            yield Rule(expectation, arguments)


def _problems(read: Text, spec: StreamSpec) -> Iterator[Problem]:
    data = read.data
    if not isinstance(data, dict):
        yield read.at_value((), f"this holds no `{CORRECTIONS}:` and no `{TABLES}:`", _WRITE)
        return
    for key in data:
        if key not in (CORRECTIONS, TABLES):
            yield read.at_key((key,), f"'{key}' is not known here", did_you_mean(str(key), (CORRECTIONS, TABLES)))
    yield from _list_problems(read, (CORRECTIONS,), data.get(CORRECTIONS, []), CORRECTION_COLUMNS)
    tables = data.get(TABLES, {})
    if not isinstance(tables, dict):
        yield read.at_value((TABLES,), "tables are named by their metric", f"such as `{next(iter(spec.metrics))}:`")
        return
    for name, items in tables.items():
        if name not in spec.metrics:
            hint = did_you_mean(str(name), spec.metrics)
            yield read.at_key((TABLES, name), f"stream '{spec.name}' has no metric '{name}'", hint)
        else:
            yield from _list_problems(read, (TABLES, name), items, table_columns(spec, name))


def table_columns(spec: StreamSpec, name: str) -> list[str]:
    """The columns of a metric's table as an expectation sees them."""
    from tideline.engine.publish import published_schema

    return [*published_schema(spec, name).names, MISALIGNED]


def _list_problems(read: Text, place: Place, items: Any, columns: Collection[str]) -> Iterator[Problem]:
    if not isinstance(items, list):
        yield read.at_value(place, "expectations are a list", _WRITE)
        return
    for number, item in enumerate(items):
        here = (*place, number)
        if not isinstance(item, dict) or len(item) != 1 or not isinstance(next(iter(item.values())), dict):
            yield read.at_value(here, "this is not one expectation with its arguments", _WRITE)
            continue
        expectation, arguments = next(iter(item.items()))
        yield from _argument_problems(read, (*here, expectation), arguments, columns)
        if (wrong := problem_of(Rule(expectation, arguments))) is not None:
            yield read.at_key((*here, expectation), *wrong)


def _argument_problems(
    read: Text, place: Place, arguments: dict[str, Any], columns: Collection[str]
) -> Iterator[Problem]:
    named = {key: value for key, value in arguments.items() if key == "column" or key.startswith("column_")}
    for key, value in named.items():
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and name not in columns:
                yield read.at_value((*place, key), f"there is no column '{name}'", did_you_mean(name, columns))


def problem_of(rule: Rule) -> tuple[str, str] | None:
    """What Great Expectations has against a rule, and a hint; None when it takes it."""
    from tideline.gate.suites import as_expectation, known_expectations

    if rule.expectation not in known_expectations():
        return f"there is no expectation '{rule.expectation}'", did_you_mean(rule.expectation, known_expectations())
    try:
        as_expectation(rule)
    except ValueError as error:
        return f"'{rule.expectation}' cannot be called like this", _said(error)
    return None


def _said(error: ValueError) -> str:
    """A validation's findings, each with the argument it is about."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    places = (("".join(str(part) for part in found["loc"]), found["msg"]) for found in errors())
    return "; ".join(message if place == "__root__" else f"{place}: {message}" for place, message in places)
