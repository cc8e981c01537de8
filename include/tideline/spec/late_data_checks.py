"""What `late_data` says, checked against the columns there are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tideline.spec.parts import COLUMN
from tideline.spec.problems import Problem, did_you_mean
from tideline.spec.source_checks import event_columns
from tideline.spec.yaml_text import Text


def late_data_problems(text: Text) -> Iterator[Problem]:
    """An alert's key must be a column of the format; what is of the wrong shape is left to the model."""
    key = text.data
    for part in ("late_data", "alert", "key"):
        key = key.get(part) if isinstance(key, dict) else None
    columns = event_columns(text)
    if isinstance(key, str) and re.fullmatch(COLUMN, key) and key not in columns:
        hint = did_you_mean(key, columns, "columns are")
        yield text.at_value(("late_data", "alert", "key"), f"there is no column '{key}'", hint)
