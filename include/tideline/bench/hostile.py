"""What hostile records cost: each kind in each format and in two lengths, one twice the other."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tideline.bench.hostile_records import FORMATS, KINDS, LONG, spec_reading
from tideline.bench.player import records
from tideline.engine.cells import Engine

AT_MOST: Final = 3.0
"""How many times as much a record of twice the length may cost."""
_ROUNDS: Final = 3
_COPIES: Final = 20
"""Of a record, in a chunk: what a chunk costs whatever it holds is small beside them."""

Milliseconds = Mapping[str, Mapping[str, tuple[float, float]]]
"""By format and kind: of records of half the length, and of the whole."""


@dataclass(frozen=True)
class HostileCost:
    """The times of all, in ms a chunk; `worst` is the format and the kind that grow most with a record's length."""

    milliseconds: Milliseconds

    @property
    def worst(self) -> tuple[str, str]:
        every = [(form, kind) for form, kinds in self.milliseconds.items() for kind in kinds]
        return max(every, key=lambda each: self._ratio(*each))

    @property
    def ratio(self) -> float:
        return round(self._ratio(*self.worst), 2)

    @property
    def holds(self) -> bool:
        return self.ratio <= AT_MOST

    def as_dict(self) -> dict[str, Any]:
        return {"worst": ", ".join(self.worst), "ratio": self.ratio, "milliseconds": self.milliseconds}

    def _ratio(self, form: str, kind: str) -> float:
        half, whole = self.milliseconds[form][kind]
        return whole / half


def user_seconds() -> float:
    """Processor time that this process has spent in its own code. What else runs does not count, nor what the kernel
    does for pages that an allocator has given back: that comes and goes with the machine's load."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def measure_hostile(
    formats: Iterable[str] = FORMATS,
    progress: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = user_seconds,
) -> HostileCost:
    """The best of some rounds for each, from the records' bytes to their cells; both lengths in turns."""
    times: dict[str, dict[str, tuple[float, float]]] = {}
    for form in formats:
        progress(form)
        engine = Engine(spec_reading(form))
        times[form] = {name: _milliseconds(engine, kind.make, clock) for name, kind in KINDS.items()}
    return HostileCost(times)


def _milliseconds(engine: Engine, make: Callable[[int], bytes], clock: Callable[[], float]) -> tuple[float, float]:
    chunks = [records([make(length)] * _COPIES) for length in (LONG // 2, LONG)]
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for chunk, found in zip(chunks, took, strict=True):
            began = clock()
            engine.load(chunk)
            engine.cells()
            found.append((clock() - began) * 1000)
    half, whole = map(min, took)
    return round(half, 1), round(whole, 1)
