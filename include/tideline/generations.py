"""Generations and eras: which spec owns which windows, and from which offsets it counts.

A new checkpoint begins a generation with a cut. The same spec goes on from the cut's offsets, and parts merge across
its generations. A changed spec begins an era: it owns the windows that end after the cut's bound, over the whole log;
older windows stay with the spec before, which from then on only corrects them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

import pyarrow as pa

from tideline.lateness import EVERY_WINDOW, OVER_MS, Bounds
from tideline.spec.model import StreamSpec
from tideline.versions import version_of


@dataclass(frozen=True)
class Cut:
    """Where a generation begins: offsets S by partition, and for a changed spec the bound W of its windows, in us.

    `closed_ms` is the watermark by which the era's earlier generations closed their windows; a closed window stays so.
    """

    generation: int
    at_ms: int
    starts: dict[int, int]
    bound_us: int | None
    closed_ms: int
    spec: StreamSpec
    topic_id: str
    reason: str

    @property
    def version(self) -> int:
        """Above every batch of the generations before, below every batch of its own."""
        return version_of(self.generation, 0) - 1


def metric_names(cuts: Iterable[Cut]) -> list[str]:
    """Every metric that any generation's spec had, also of eras that a later one has swallowed."""
    return sorted({name for cut in cuts for name in cut.spec.metrics})


class LastBatch(Protocol):
    """What is asked of a ledger row here."""

    @property
    def generation(self) -> int: ...

    @property
    def watermark_ms(self) -> int: ...


@dataclass(frozen=True)
class Era:
    """The windows a spec owns, and the generations (first and last) whose streams ran it.

    What windows that end up to `expired_us` (us) were made of is erased: their rows stay as they are.
    """

    spec: StreamSpec
    first: int
    last: int
    bounds: Bounds
    closed_ms: int
    expired_us: int = EVERY_WINDOW.after_us

    @property
    def kept(self) -> Bounds:
        """Those of the era's windows that can still be computed; perhaps none."""
        return Bounds(max(self.bounds.after_us, self.expired_us), self.bounds.until_us)

    def watermark_ms(self, last: LastBatch | None) -> int:
        """The watermark by which the era's windows are open or closed, as of the stream's last batch.

        A closed window stays closed when a new generation begins at 0; an era that is over closes all its windows.
        """
        if last is None or last.generation < self.first:
            return self.closed_ms
        return max(self.closed_ms, last.watermark_ms) if last.generation <= self.last else OVER_MS

    @property
    def first_version(self) -> int:
        """Inputs of older versions do not count: an era after the first begins with its own rebuilt windows."""
        return version_of(self.first, 0) - 1 if self.bounds.after_us > EVERY_WINDOW.after_us else 0

    def ran(self, generation: int) -> bool:
        return self.first <= generation <= self.last


def eras_of(cuts: Iterable[Cut]) -> tuple[Era, ...]:
    """The eras of a stream, oldest first, with disjoint bounds; one that a later rebuild has swallowed is left out."""
    begun: list[Era] = []
    for cut in sorted(cuts, key=lambda cut: cut.generation):
        if begun and cut.bound_us is None:
            last = begun.pop()
            begun.append(Era(last.spec, last.first, cut.generation, last.bounds, cut.closed_ms))
        else:
            after = EVERY_WINDOW.after_us if cut.bound_us is None else cut.bound_us
            bounds = Bounds(after, EVERY_WINDOW.until_us)
            begun.append(Era(cut.spec, cut.generation, cut.generation, bounds, cut.closed_ms))
    return tuple(reversed(list(_bounded(begun))))


def with_spec(eras: tuple[Era, ...], spec: StreamSpec) -> tuple[Era, ...]:
    """The eras, the newest with the spec as it is deployed: what does not change a number may have changed since."""
    newest = eras[-1] if eras else None
    if newest is None or newest.spec.fingerprint() != spec.fingerprint():
        return eras
    return (*eras[:-1], replace(newest, spec=spec))


def with_horizon(eras: Sequence[Era], until_us: int | None) -> tuple[Era, ...]:
    """The eras, of which windows that end up to here (us) are expired; None where nothing is."""
    return tuple(eras) if until_us is None else tuple(replace(era, expired_us=until_us) for era in eras)


def unexpired(eras: Sequence[Era], windows: Iterable[tuple[str, int]]) -> frozenset[tuple[str, int]]:
    """Those of the windows (metric, end in us) that can still be computed."""
    return frozenset(window for window in windows if window[1] > eras[-1].expired_us)


def _bounded(begun: list[Era]) -> Iterable[Era]:
    """From the newest back: each era ends where a later one begins."""
    until = EVERY_WINDOW.until_us
    for era in reversed(begun):
        if era.bounds.after_us < until:
            yield Era(era.spec, era.first, era.last, Bounds(era.bounds.after_us, until), era.closed_ms)
            until = era.bounds.after_us


Row = TypeVar("Row", bound=LastBatch)


def within_eras(eras: Sequence[Era], rows: Iterable[Row]) -> list[Row]:
    """The rows of generations that the eras know: one that began since they were read has windows of its own."""
    return [row for row in rows if row.generation <= eras[-1].last]


def only_era(spec: StreamSpec) -> tuple[Era, ...]:
    """The eras of a stream whose first generation has no cut yet."""
    return (Era(spec, 1, 1, EVERY_WINDOW, 0),)


def counts_every_event(eras: Sequence[Era], window: tuple[str, int]) -> bool:
    """Whether the metric of a window (its end in us) has no condition: what it lost of a pane is then what it lacks."""
    name, end = window
    return all(
        era.spec.metrics[name].where is None for era in eras if name in era.spec.metrics and era.bounds.hold(end)
    )


def era_of_generation(eras: Sequence[Era], generation: int) -> Era:
    """The era whose spec a generation's stream runs; LookupError when a later era has swallowed it."""
    for era in eras:
        if era.ran(generation):
            return era
    raise LookupError(f"no era holds generation {generation}")


CUT: Final = pa.struct(
    [
        ("generation", pa.int64()),
        ("at_ms", pa.int64()),
        ("starts", pa.map_(pa.int32(), pa.int64())),
        ("bound_us", pa.int64()),
        ("closed_ms", pa.int64()),
        ("spec", pa.string()),
        ("topic_id", pa.string()),
        ("reason", pa.string()),
    ]
)


def cut_to_struct(cut: Cut) -> dict[str, Any]:
    """The cut as a value of the Arrow type `CUT`; the spec as JSON."""
    fields = {
        name: getattr(cut, name) for name in ("generation", "at_ms", "bound_us", "closed_ms", "topic_id", "reason")
    }
    return fields | {"starts": sorted(cut.starts.items()), "spec": cut.spec.model_dump_json()}


def cut_from_struct(fields: dict[str, Any]) -> Cut:
    spec = StreamSpec.model_validate_json(fields["spec"])
    return Cut(**{**fields, "starts": dict(fields["starts"]), "spec": spec})
