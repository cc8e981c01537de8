"""What `tideline lateness` says of a stream: how late its events were, and which watermark delay fits them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tideline.durations import format_duration, format_span
from tideline.lateness import pane_ms
from tideline.lateness_stats import Lateness, by_partition, lateness_of, measure
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_ledger
from tideline.tables.schemas import StreamTables
from tideline.tables.window_groups import read_window_groups
from tideline.watermark_advice import Advice, advise

DEPLOY = "Spark fixes the delay when a query starts: changing it takes a deploy, which begins a new generation"


@dataclass(frozen=True)
class LatenessReport:
    """Lateness of a stream and of each of its partitions, in ms, exact up to `resolution_ms`; and the advice."""

    stream: str
    topic: str
    batches: int
    other_batches: int
    """Batches that ran by another spec: they are left out."""
    resolution_ms: int
    total: Lateness
    partitions: dict[int, Lateness]
    advice: Advice

    @property
    def verdict(self) -> str:
        """The advice in a sentence."""
        advice = self.advice
        if not self.total.events:
            others = f" by this spec; {self.other_batches} batches ran by another" if self.other_batches else ""
            return f"no events yet{others}: nothing can be advised"
        share = f"{advice.target:.6%}".rstrip("0%").rstrip(".") + " %"
        if advice.advised_ms is None:
            late = next(choice for choice in advice.choices if choice.delay_ms == advice.longest_ms)
            return (
                f"no delay of up to {format_duration(advice.longest_ms)} keeps late events at {share} or less: "
                f"with it {late.share:.3%} of all would be; a log of another time wants a topic and a stream of its own"
            )
        now = f"now {format_span(advice.present_ms)}"
        written = format_duration(advice.advised_ms)
        return (
            f"the smallest delay with at most {share} late events is {format_span(advice.advised_ms)} ({now}): "
            f"watermark: {written}"
        )

    def as_dict(self) -> dict[str, Any]:
        partitions = [{"partition": number, **_fields(each)} for number, each in self.partitions.items()]
        return {
            "stream": self.stream,
            "topic": self.topic,
            "batches": self.batches,
            "other_batches": self.other_batches,
            "resolution_ms": self.resolution_ms,
            **_fields(self.total),
            "partitions": partitions,
            "advice": asdict(self.advice),
            "verdict": self.verdict,
            "note": DEPLOY,
        }


def _fields(lateness: Lateness) -> dict[str, Any]:
    return {
        "events": lateness.events,
        "late": lateness.late,
        "late_share": lateness.share,
        "lateness_ms": lateness.quantiles,
    }


def lateness_report(tables: StreamTables, spec: StreamSpec, target: float) -> LatenessReport:
    """The report from the batches that ran by `spec`: those of another one had other panes and delays."""
    every = read_ledger(tables)
    ledger = [row for row in every if row.fingerprint == spec.fingerprint()]
    measured = measure(spec, ledger)
    delay = spec.smallest_delay_ms
    groups = read_window_groups(tables, spec.metrics)
    return LatenessReport(
        spec.name,
        spec.source.topic,
        len(ledger),
        len(every) - len(ledger),
        max((row.pane_ms for row in ledger), default=pane_ms(spec)),
        lateness_of(measured, delay),
        {partition: lateness_of(panes, delay) for partition, panes in by_partition(measured).items()},
        advise(spec, ledger, measured, groups, target),
    )
