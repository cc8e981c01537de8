"""JSON that any reader takes, whatever the numbers are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from tideline.plain_json import plain_json


def test_numbers_that_json_does_not_have_are_null_however_deep() -> None:
    value = {"a": float("inf"), "rows": [{"b": float("nan"), "c": [1.5, float("-inf")]}, (2, float("nan"))]}
    said = json.loads(plain_json(value), parse_constant=lambda name: f"not JSON: {name}")
    assert said == {"a": None, "rows": [{"b": None, "c": [1.5, None]}, [2, None]]}


def test_times_are_told_as_everywhere_and_paths_as_text() -> None:
    value = {"at": datetime(2026, 1, 31, 10, tzinfo=UTC), "where": Path("a/b"), "é": True}
    assert json.loads(plain_json(value)) == {"at": "2026-01-31T10:00:00Z", "where": "a/b", "é": True}
    assert '"é"' in plain_json(value, ascii_only=False)
