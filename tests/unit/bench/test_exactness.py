"""How the exactness bench judges, and that one seed's end is not the others'."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tideline.bench.drivers import Drivers
from tideline.bench.exactness import ExactnessReport, SeedResult, judge, run_seed
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.ledger import Books
from tideline.verify.report import Kept, Log, MetricReport, VerifyReport

REFUSED = frozenset({(0, 4)})


def verdict(differences: int = 0, pending: int = 0, sent: int = 10) -> VerifyReport:
    metrics = {"a": MetricReport(3, 5, differences, pending, ()), "b": MetricReport(3, 5, 0, 0, ())}
    kept = Kept(sent, 1, 12, REFUSED)
    return VerifyReport("seed-1", None, metrics, Log(10, REFUSED, 12), kept, Books(10, 1, 7, 2, 2))


def judged(report: VerifyReport, **happened: int) -> SeedResult:
    return judge(1, report, Counter(happened), 2.5)


def test_what_is_exact_and_balanced_has_no_reason_to_fail() -> None:
    assert judged(verdict()) == SeedResult(1, 2.5, Counter(), late=2)


@pytest.mark.parametrize(
    ("result", "counts"),
    [
        (judged(verdict(differences=2)), (2, 0)),
        (judged(verdict(pending=3)), (3, 0)),
        (judge(1, verdict(), Counter({"published again": 1}), 0), (1, 0)),
        (judged(verdict(sent=11)), (0, 1)),
    ],
    ids=["differing rows", "pending rows", "rows published by a second reconciliation", "books"],
)
def test_what_fails_a_seed(result: SeedResult, counts: tuple[int, int]) -> None:
    assert (result.differences, result.unbalanced) == counts
    assert result.reason


def test_a_report_adds_up_and_names_the_failed_seeds() -> None:
    exact = SeedResult(3, 1.0, Counter(events=100, restarts=2), late=5)
    failed = SeedResult(4, 1.0, Counter(events=50, kills=1), differences=2, late=1, reason="2 differences")
    report = ExactnessReport([failed, exact], 2.25)
    assert report.as_dict() == {
        "seeds": 2, "differences": 2, "unbalanced": 0, "failed_seeds": [4], "restarts": 2, "kills": 1,
        "reconciliations": 0, "generations": 0, "events": 150, "late": 6, "seconds": 2.2,
        "failures": {4: "2 differences"},
    }  # fmt: skip
    assert not report.holds


def test_nothing_played_proves_nothing() -> None:
    assert not ExactnessReport().holds


class NoDrivers(Drivers):
    """Drivers that only count how often they were replaced."""

    def __init__(self) -> None:
        self.replaced = 0

    def start_anew(self) -> None:
        self.replaced += 1


def test_an_error_fails_its_seed_with_its_reason_and_ends_nothing_else(tmp_path: Path) -> None:
    drivers = NoDrivers()
    result = run_seed(5, Home(tmp_path), KafkaAccess("127.0.0.1:1"), drivers, lambda _: None)
    assert result.reason.startswith("BrokerUnreachable: no Kafka broker answers at 127.0.0.1:1")
    assert drivers.replaced == 1
