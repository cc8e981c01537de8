"""What a driver knows of a batch once it is done, and of it by Spark's word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class BatchDone:
    """The last batch, for heartbeat and exporter; `late_version` is its version if it dropped something.

    What a person's own job does not know of it is None. `fresh` is False where it was committed before, by a
    driver that was killed.
    """

    batch: int
    rows: int
    groups: int | None
    watermark_ms: int
    ends: Mapping[int, int]
    late_version: int | None
    late_events: int | None = None
    rejects: Mapping[str, int] = field(default_factory=dict)
    fresh: bool = True
    took_ms: int | None = None


@dataclass(frozen=True)
class Progress:
    """What Spark tells of a batch: the groups it dropped behind the watermark, and what its state holds then."""

    batch: int
    dropped: int
    state_groups: int
    state_bytes: int
