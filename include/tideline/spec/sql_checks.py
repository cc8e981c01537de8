"""A SQL expression inside a spec's text: its type, or its faults with their places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tideline.spec.expressions import check_expression
from tideline.spec.problems import Problem
from tideline.spec.yaml_text import Path, Text


def check_sql(text: Text, path: Path, sql: str, columns: Mapping[str, str]) -> tuple[str | None, list[Problem]]:
    """The DuckDB type of an expression at a place of the text, None with its problems where it has none."""
    verdict = check_expression(sql, columns)
    if isinstance(verdict, str):
        return verdict, []
    start = argument_offset(text, path, sql)
    return None, [text.at_word(path, start + each.offset, each.length, each.message, each.hint) for each in verdict]


def check_condition(text: Text, path: Path, sql: str, columns: Mapping[str, str]) -> list[Problem]:
    """What is wrong with an expression that must be true or false."""
    if not sql.strip():
        return [text.at_value(path, "the condition is empty", "leave it out, or compare a column with something")]
    kind, problems = check_sql(text, path, sql, columns)
    if kind in (None, "BOOLEAN"):
        return problems
    return [text.at_value(path, f"a condition is true or false, this is {kind}", "compare it with something")]


def argument_offset(text: Text, path: Path, argument: str) -> int:
    """Where an argument begins inside the value that holds it."""
    value: Any = text.data
    for part in path:
        value = value[part]
    return max(0, str(value).find(argument, str(value).find("(") + 1 if str(value) != argument else 0))
