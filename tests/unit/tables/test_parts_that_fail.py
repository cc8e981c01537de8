"""A stream goes on without the table or the detector that fails, and catches up with it: nothing is lost by then."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from support.records import log_line, small_spec
from tideline.begin import Start, begin_generation
from tideline.bench.player import Player
from tideline.engine.detection import detect
from tideline.errors import UserError
from tideline.generations import with_spec
from tideline.reconcile import reconcile_books
from tideline.spec.detectors import AnyDetector
from tideline.spec.model import StreamSpec
from tideline.tables.anomalies import detectors_behind, mark_behind, read_anomalies
from tideline.tables.detection import Detection
from tideline.tables.live import LivePublisher
from tideline.tables.published import read_published
from tideline.troubles import NotPublished, Trouble, Troubles
from tideline.verify import verify_tables

COUNTS = {"window": "10 seconds", "keys": ["service"], "measures": {"requests": "count"}}
TOTAL = {"window": "20 seconds", "measures": {"requests": "count"}}
DETECTORS = {
    "many": {"kind": "threshold", "metric": "counts", "observed": "requests", "when": "requests > 2"},
    "jump": {"kind": "rise", "metric": "total", "observed": "requests", "by": 1},
}


def spec() -> StreamSpec:
    base = small_spec(counts=COUNTS, total=TOTAL).model_dump(mode="json", exclude_none=True)
    return StreamSpec.model_validate({**base, "detectors": DETECTORS})


class Stream:
    """A player whose driver goes on without what fails."""

    def __init__(self, root: Path) -> None:
        self.now = 0
        self.told: Sequence[Trouble] = ()
        self.player = Player(root, spec())
        self.troubles = Troubles(lambda: self.now, self.tell)
        self.start()

    def tell(self, troubles: Sequence[Trouble]) -> None:
        self.told = troubles

    def start(self) -> None:
        """A new driver: it begins as every driver does."""
        player = self.player
        start = Start(player.generation, player.spec, "id", {0: 0}, 1_000)
        begin_generation(player.tables, start, player.read, attempt=self.troubles.attempt)
        self.player.publisher = LivePublisher(
            self.player.tables, self.player.eras, self.player.generation, self.troubles.attempt
        )
        self.player.publisher.recover()

    @property
    def parts(self) -> list[str]:
        return [each.part for each in self.told]


def traffic(seed: int, batches: int) -> list[list[bytes]]:
    """Batches of events, some of them late."""
    rng = random.Random(seed)
    now = 0.0
    found = []
    for _ in range(batches):
        now += rng.uniform(0, 25)
        times = [max(0.0, now - rng.choice([0, 0, 3, 40])) for _ in range(rng.randint(1, 8))]
        found.append([log_line(at, rng.choice("ab")) for at in times])
    return found


def rows(player: Player) -> dict[str, pa.Table]:
    """Everything a reader sees, in an order of its own."""
    tables = {name: read_published(player.tables.published(name)) for name in ("counts", "total")}
    tables["anomalies"] = read_anomalies(player.tables).drop_columns(["raised_at", "withdrawn_at", "revision"])
    by = [("window_start", "ascending"), ("key", "ascending")]
    return {
        name: table.drop_columns([c for c in ("part_version", "as_of", "hour") if c in table.column_names]).sort_by(by)
        for name, table in tables.items()
        if table is not None
    }


def break_table(path: Path) -> Path:
    """A log that no reader understands; what was there stays."""
    newest = max((path / "_delta_log").glob("*.json"))
    kept = newest.with_suffix(".kept")
    newest.rename(kept)
    newest.write_text("no json")
    return kept


def mend_table(kept: Path) -> None:
    kept.rename(kept.with_suffix(".json"))


@pytest.mark.parametrize("broken", ["counts", "anomalies"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_table_that_breaks_stops_no_other(tmp_path: Path, broken: str, restarted: bool) -> None:
    stream, whole = Stream(tmp_path / "broken"), Player(tmp_path / "whole", spec())
    kept = None
    for at, values in enumerate(traffic(3, 24)):
        if at == 8:
            tables = stream.player.tables
            kept = break_table(tables.anomalies if broken == "anomalies" else tables.published(broken))
        if at == 14 and restarted:
            stream.start()
        if at == 20 and kept is not None:
            mend_table(kept)
        stream.now += 60_000
        stream.player.play(*values)
        whole.play(*values)
        if 8 <= at < 20:
            assert set(stream.parts) - {"detector many"} == {f"table {broken}"}  # it reads the table
            assert rows_of_total(stream.player) == rows_of_total(whole)
    stream.now += 300_000
    for player in (stream.player, whole):
        player.play(log_line(2_000))
        player.play(log_line(2_001))
        reconcile_books(player.books)
    assert stream.parts == []
    assert rows(stream.player) == rows(whole)
    player = stream.player
    assert verify_tables(player.tables, player.spec, player.read).holds


def rows_of_total(player: Player) -> pa.Table:
    table = read_published(player.tables.published("total"))
    assert table is not None
    return table.select(["window_start", "requests", "is_open"]).sort_by("window_start")


def test_windows_that_a_broken_table_of_anomalies_missed_are_judged_by_the_next_driver(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        stream, whole = Stream(tmp_path / f"broken-{seed}"), Player(tmp_path / f"whole-{seed}", spec())
        kept = None
        for at, values in enumerate(traffic(seed, 20)):
            if at == 3:
                stream.start()  # has settled once
            if at == 6:
                kept = break_table(stream.player.tables.anomalies)
            if at == 14 and kept is not None:
                mend_table(kept)
                stream.troubles = Troubles(lambda: stream.now, stream.tell)  # noqa: B023
                stream.start()
            stream.now += 60_000
            stream.player.play(*values)
            whole.play(*values)
        assert rows(stream.player)["anomalies"] == rows(whole)["anomalies"]


def test_a_reconciliation_publishes_what_it_can_and_says_what_it_cannot(tmp_path: Path) -> None:
    stream, whole = Stream(tmp_path / "broken"), Player(tmp_path / "whole", spec())
    for values in traffic(3, 24):
        stream.now += 60_000
        stream.player.play(*values)
        whole.play(*values)
    reconcile_books(whole.books)
    kept = break_table(stream.player.tables.published("counts"))
    with pytest.raises(NotPublished, match="table counts: DeltaError"):
        reconcile_books(stream.player.books)
    assert rows_of_total(stream.player) == rows_of_total(whole)
    mend_table(kept)
    reconcile_books(stream.player.books)
    assert rows(stream.player) == rows(whole)


def test_a_new_generation_is_not_begun_on_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    stream = Stream(tmp_path)
    for values in traffic(3, 6):
        stream.player.play(*values)
    break_table(stream.player.tables.published("counts"))
    start = Start(2, stream.player.spec, "id", {0: 0}, 1_000)
    with pytest.raises(UserError, match="counts cannot be read: Kernel error"):
        begin_generation(stream.player.tables, start, stream.player.read)


class Flaky:
    """A detector's code that fails for one metric while it is told to."""

    failing = True

    def __call__(self, detector: AnyDetector, closed: pa.Table) -> pa.Table:
        if self.failing and detector.metric == "counts":
            raise ZeroDivisionError("a deviation of nothing")
        return detect(detector, closed)


def test_a_detector_that_fails_leaves_the_others_and_judges_all_windows_later(tmp_path: Path) -> None:
    stream, whole = Stream(tmp_path / "broken"), Player(tmp_path / "whole", spec())
    flaky = Flaky()
    stream.player.publisher._detection._find = flaky
    for values in traffic(5, 20):
        stream.now += 60_000
        stream.player.play(*values)
        whole.play(*values)
    assert stream.parts == ["detector many"]
    assert kinds(stream.player) == kinds(whole) - {"many"} == {"jump"}
    assert rows(stream.player)["counts"] == rows(whole)["counts"]
    assert set(detectors_behind(stream.player.tables, ["jump", "many"])) == {"many"}
    flaky.failing = False
    stream.now += 300_000
    for player in (stream.player, whole):
        player.play(log_line(2_000))
        player.play(log_line(2_001))
    assert stream.parts == []
    assert not detectors_behind(stream.player.tables, ["jump", "many"])
    assert rows(stream.player) == rows(whole)


def test_a_detector_that_failed_for_a_reconciler_is_caught_up_with_by_the_driver(tmp_path: Path) -> None:
    stream = Stream(tmp_path)
    for second in (1, 1, 1, 50, 51):
        stream.player.play(log_line(second))
    player = stream.player
    assert kinds(player) == {"many"}
    groups = read_anomalies(player.tables).select(["metric", "window_end", "key"])
    detection = Detection(player.tables, player.eras, Troubles(lambda: 0).attempt, Flaky())
    assert detection.look(groups, player.books.ledger[-1]) == 0
    assert set(detectors_behind(player.tables, ["many"])) == {"many"}
    player.play(log_line(52))
    assert not detectors_behind(player.tables, ["many"])


def test_who_is_told_of_a_failure_while_it_catches_up_is_behind_again(tmp_path: Path) -> None:
    stream = Stream(tmp_path)
    for second in (1, 1, 1, 50, 51):
        stream.player.play(log_line(second))
    player = stream.player
    asked: list[str] = []

    def find(detector: AnyDetector, closed: pa.Table) -> pa.Table:
        if not asked:
            asked.append(detector.metric)
            mark_behind(player.tables, {"many"})  # a reconciler's failed, after this one has read
        return detect(detector, closed)

    mark_behind(player.tables, {"many"})
    detection = Detection(player.tables, player.eras, find=find)
    detection.catch_up(player.books.ledger[-1])
    assert asked and set(detectors_behind(player.tables, ["many"])) == {"many"}
    detection.catch_up(player.books.ledger[-1])
    assert not detectors_behind(player.tables, ["many"])


def test_a_detector_that_moves_and_fails_then_withdraws_what_it_raised_before(tmp_path: Path) -> None:
    stream = Stream(tmp_path)
    for second in (1, 1, 1, 50, 51):
        stream.player.play(log_line(second))
    player = stream.player
    stream.start()  # has settled
    moved = spec().model_dump(mode="json", exclude_none=True)
    moved["detectors"]["many"] |= {"metric": "total", "when": "requests > 99"}
    eras = with_spec(player.eras, StreamSpec.model_validate(moved))
    last = player.books.ledger[-1]
    Detection(player.tables, eras, Troubles(lambda: 0).attempt, refuse).settle(last)
    assert kinds(player) == {"many"}
    Detection(player.tables, eras).catch_up(last)
    assert len(read_anomalies(player.tables, raised_only=True)) == 0


def refuse(detector: AnyDetector, closed: pa.Table) -> pa.Table:
    raise ZeroDivisionError("a deviation of nothing")


def kinds(player: Player) -> set[str]:
    return set(read_anomalies(player.tables)["kind"].to_pylist())
