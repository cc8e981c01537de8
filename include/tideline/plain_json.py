"""JSON that every reader takes: times as they are told everywhere, and no number that JSON has no form for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite

from tideline.times import plain_text


def plain_json(value: object, *, ascii_only: bool = True) -> str:
    """One line; infinity and what is no number are null, anything that JSON does not know is its text."""
    return json.dumps(_finite(value), default=plain_text, ensure_ascii=ascii_only, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value
