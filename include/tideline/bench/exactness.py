"""The exactness bench: seeded disorder, restarts, kills and reconciliations; then not one number may differ."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tideline.bench.drivers import Drivers
from tideline.bench.exactness_plan import make_plan
from tideline.bench.exactness_trial import Trial
from tideline.bench.place import new_place, start_broker
from tideline.errors import UserError
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.platform.java import BRIEF
from tideline.verify.report import VerifyReport

COUNTED: Final = ("restarts", "kills", "reconciliations", "generations", "events")
Look = Callable[[Trial], None]


@dataclass(frozen=True)
class SeedResult:
    """What came of one seed; `reason` is empty when nothing differs and the books balance."""

    seed: int
    seconds: float
    happened: Counter[str]
    differences: int = 0
    unbalanced: int = 0
    late: int = 0
    reason: str = ""

    def line(self) -> str:
        """The seed in one line, for a person who waits."""
        counts = ", ".join(f"{self.happened[name]} {name}" for name in reversed(COUNTED) if self.happened[name])
        verdict = f"FAILED: {self.reason}" if self.reason else "exact"
        return f"seed {self.seed}: {counts}, {self.late} late, {self.seconds:.1f} s: {verdict}"


@dataclass
class ExactnessReport:
    """All seeds of a run."""

    results: list[SeedResult] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failures(self) -> dict[int, str]:
        return {result.seed: result.reason for result in self.results if result.reason}

    @property
    def holds(self) -> bool:
        return bool(self.results) and not self.failures

    def as_dict(self) -> dict[str, Any]:
        happened = sum((result.happened for result in self.results), Counter[str]())
        return {
            "seeds": len(self.results),
            "differences": sum(result.differences for result in self.results),
            "unbalanced": sum(result.unbalanced for result in self.results),
            "failed_seeds": sorted(self.failures),
            **{name: happened[name] for name in COUNTED},
            "late": sum(result.late for result in self.results),
            "seconds": round(self.seconds, 1),
            "failures": self.failures,
        }


def run_exactness(
    seeds: Iterable[int],
    jars: Path,
    keep: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
    look: Look = lambda _: None,
) -> ExactnessReport:
    """Plays each seed in a place of the bench's own; `keep` is where the failed ones stay.

    `look` may look at a verified trial and raise, which fails its seed.
    """
    begun, report = time.monotonic(), ExactnessReport()
    with _folder(keep) as folder, new_place(folder, jars) as home:
        kafka = start_broker(home).kafka
        drivers = Drivers(home, kafka, BRIEF)
        try:
            for seed in seeds:
                report.results.append(run_seed(seed, home, kafka, drivers, look))
                progress(report.results[-1].line())
        finally:
            drivers.close()
    report.seconds = time.monotonic() - begun
    return report


def run_seed(seed: int, home: Home, kafka: KafkaAccess, drivers: Drivers, look: Look) -> SeedResult:
    """One seed, whatever becomes of it: an error fails it and stops no other."""
    begun = time.monotonic()
    trial = Trial(home, kafka, drivers, make_plan(seed))
    try:
        result = judge(seed, trial.play(), trial.happened, time.monotonic() - begun)
        look(trial)
    except Exception as error:
        drivers.start_anew()
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        return SeedResult(seed, time.monotonic() - begun, trial.happened, reason=reason)
    if not result.reason:
        trial.remove()
    return result


def judge(seed: int, report: VerifyReport, happened: Counter[str], seconds: float) -> SeedResult:
    """Pending rows differ too: everything has been reconciled; so does what a second reconciliation published."""
    again = happened["published again"]
    differences = sum(metric.differences + metric.pending for metric in report.metrics.values()) + again
    unbalanced = int(not report.balanced)
    reasons = [f"{differences} differences ({again} published again)"] if differences else []
    reasons += ["the books do not balance"] if unbalanced else []
    reasons += [str(shown) for metric in report.metrics.values() for shown in metric.shown[:1]]
    return SeedResult(seed, seconds, happened, differences, unbalanced, report.books.late, "; ".join(reasons))


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """The folder to keep, or a temporary one."""
    if keep is not None:
        try:
            keep.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{keep} cannot be made: {error.strerror}", "name a new folder") from error
        yield keep
        return
    folder = Path(tempfile.mkdtemp(prefix="tideline-exactness-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
