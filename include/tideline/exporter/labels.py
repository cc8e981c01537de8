"""Label values from anyone: text that a page can show without obeying it, and few enough to keep. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

from tideline.exporter.catalogue import KEY_LABEL
from tideline.shown_bytes import shown

LONGEST: Final = 100
"""Bytes of a label's value; one that is cut ends with its size and a digest, so that two are never the same."""
NULL: Final = r"\(null)"
EMPTY: Final = r"\(empty)"
"""No text is encoded so: an empty label would be one that is not there."""

T = TypeVar("T")


def encode(value: str | bytes | None) -> str:
    """A value as a label: printable characters as they are, all others escaped, a backslash doubled. Two values never
    become the same."""
    if value is None:
        return NULL
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    if not raw:
        return EMPTY
    return shown(raw) if len(raw) <= LONGEST else f"{shown(raw, LONGEST)} {hashlib.sha256(raw).hexdigest()[:8]}"


def key_labels(columns: Sequence[str], values: Sequence[str | None]) -> dict[str, str]:
    """A key's columns as labels."""
    return {f"{KEY_LABEL}{column}": encode(value) for column, value in zip(columns, values, strict=True)}


def greatest(items: Iterable[tuple[str, float | None, T]], at_most: int) -> list[T]:
    """The items (name, weight, item) of the greatest weight, then of the first name: always the same ones of the same
    items. What has no weight comes last."""
    ordered = sorted(items, key=lambda each: (-_weight(each[1]), each[0]))
    return [item for _, _, item in ordered[:at_most]]


def _weight(value: float | None) -> float:
    return -math.inf if value is None or math.isnan(value) else value


OTHER: Final = r"\(other)"


def added(counts: Mapping[str, int], more: Mapping[str, int], at_most: int) -> dict[str, int]:
    """Counts by label with more added; once there are `at_most` labels, what comes under a new one is added to `OTHER`:
    a counter that was told never goes back."""
    total = dict(counts)
    for label, count in sorted(more.items()):
        own = label if label in total or len(total) < at_most else OTHER
        total[own] = total.get(own, 0) + count
    return total
