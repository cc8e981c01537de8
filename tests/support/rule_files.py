"""The project's rules as they are, and scaled down so that an alert takes seconds. Pure but for the reading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from support.records import CHECKOUT

FOLDER: Final = CHECKOUT / "include" / "prometheus" / "rules"
_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION: Final = r"(\d+)(ms|s|m|h|d)"
_RANGE: Final = re.compile(rf"\[{_DURATION}\]")

Rule = dict[str, Any]
Document = dict[str, Any]


def rule_files() -> dict[str, Document]:
    """By file name."""
    return {path.name: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yml"))}


def rules_of(documents: dict[str, Document]) -> Iterator[Rule]:
    for document in documents.values():
        for group in document["groups"]:
            yield from group["rules"]


def alerts() -> list[Rule]:
    return [rule for rule in rules_of(rule_files()) if "alert" in rule]


def recorded() -> set[str]:
    """The names of the series that rules record."""
    return {rule["record"] for rule in rules_of(rule_files()) if "record" in rule}


def milliseconds(duration: str) -> int:
    """Of a duration with one unit, as Prometheus writes it."""
    found = re.fullmatch(_DURATION, duration)
    if found is None:
        raise ValueError(f"{duration} is no duration with one unit")
    return int(found[1]) * _MS[found[2]]


def scaled(document: Document, by: float) -> Document:
    """The same rules with each `for` and each range times `by`; limits on values stay as they are."""
    groups = [group | {"rules": [_scaled_rule(rule, by) for rule in group["rules"]]} for group in document["groups"]]
    return document | {"groups": groups}


def _scaled_rule(rule: Rule, by: float) -> Rule:
    expression = _RANGE.sub(lambda found: f"[{_times(found[0][1:-1], by)}]", rule["expr"])
    return rule | {"expr": expression} | ({"for": _times(rule["for"], by)} if "for" in rule else {})


def _times(duration: str, by: float) -> str:
    return f"{max(1, round(milliseconds(duration) * by))}ms"
