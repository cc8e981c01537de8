"""Anomalies over a stream's life: raised on closing, withdrawn and raised by corrections, judged again after a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from support.records import log_line, small_spec
from tideline.anomalies import Judgement, Moment
from tideline.bench.player import Player
from tideline.reconcile import reconcile_books
from tideline.spec.model import StreamSpec
from tideline.tables.anomalies import commit_anomalies, read_anomalies
from tideline.tables.books import read_eras
from tideline.tables.detection import Detection
from tideline.tables.schemas import TIME

COUNTS = {"window": "10 seconds", "keys": ["service"], "measures": {"requests": "count"}}
SPIKE = {"kind": "rise", "metric": "counts", "observed": "requests", "by": 2}
MANY = {"kind": "threshold", "metric": "counts", "observed": "requests", "when": "requests > 3"}


def spec_with(metrics: dict[str, Any] | None = None, **detectors: dict[str, Any]) -> StreamSpec:
    base = small_spec(**(metrics or {"counts": COUNTS}))
    return StreamSpec.model_validate({**base.model_dump(mode="json", exclude_none=True), "detectors": detectors})


def anomalies(player: Player) -> list[tuple[Any, ...]]:
    """(kind, window start in s, key, observed, expected, whether it is withdrawn, revision)."""
    return sorted(
        (
            row["kind"], round(row["window_start"].timestamp()), row["key"], row["observed"], row["expected"],
            row["withdrawn_at"] is not None, row["revision"],
        )
        for row in read_anomalies(player.tables).to_pylist()
    )  # fmt: skip


def lines(at: float, count: int, service: str = "a") -> list[bytes]:
    return [log_line(at + number / 100, service) for number in range(count)]


def played(root: Path, **detectors: dict[str, Any]) -> Player:
    """Closed: [0, 10) with one request, [10, 20) with four; [50, 60) is open."""
    player = Player(root, spec_with(**detectors))
    player.play(*lines(1, 1), *lines(11, 4))
    player.play(*lines(52, 9))
    player.play(log_line(53))  # the batch that closes them
    return player


def test_a_window_is_judged_when_it_closes(tmp_path: Path) -> None:
    player = Player(tmp_path, spec_with(spike=SPIKE, many=MANY))
    player.play(*lines(1, 1), *lines(11, 4))
    player.play(*lines(52, 9))
    assert anomalies(player) == []
    player.play(log_line(53))
    assert anomalies(player) == [("many", 10, '["a"]', 4, None, False, 0), ("spike", 10, '["a"]', 4, 1, False, 0)]
    (row, *_) = read_anomalies(player.tables).to_pylist()
    assert (round(row["raised_at"].timestamp() * 1000), row["generation"]) == (3_000, 1)


def test_a_correction_that_takes_the_ground_away_withdraws_it(tmp_path: Path) -> None:
    player = played(tmp_path, spike=SPIKE)
    player.play(*lines(2, 3), log_line(54))  # late: [0, 10) had four as well
    assert reconcile_books(player.books).rows_published
    assert anomalies(player) == [("spike", 10, '["a"]', 4, 1, True, 1)]
    assert reconcile_books(player.books).rows_published == 0
    assert anomalies(player) == [("spike", 10, '["a"]', 4, 1, True, 1)]


def test_a_correction_that_gives_ground_raises_it(tmp_path: Path) -> None:
    player = played(tmp_path, spike=SPIKE)
    player.play(*lines(21, 7), log_line(54))  # late: a window that was not there
    reconcile_books(player.books)
    assert anomalies(player) == [("spike", 10, '["a"]', 4, 1, False, 0), ("spike", 20, '["a"]', 7, 4, False, 0)]


def test_a_correction_changes_what_an_anomaly_tells(tmp_path: Path) -> None:
    player = played(tmp_path, spike=SPIKE, many=MANY)
    player.play(*lines(12, 2), log_line(54))
    reconcile_books(player.books)
    assert anomalies(player) == [("many", 10, '["a"]', 6, None, False, 1), ("spike", 10, '["a"]', 6, 1, False, 1)]


def test_what_was_withdrawn_may_be_raised_again(tmp_path: Path) -> None:
    player = played(tmp_path, spike=SPIKE)
    player.play(*lines(2, 3), log_line(54))
    reconcile_books(player.books)
    player.play(*lines(15, 5), log_line(55))
    reconcile_books(player.books)
    assert anomalies(player) == [("spike", 10, '["a"]', 9, 4, False, 2)]


@pytest.mark.parametrize("published", [False, True])
def test_a_driver_killed_before_it_judged_is_made_up_for(tmp_path: Path, published: bool) -> None:
    player = Player(tmp_path, spec_with(spike=SPIKE))
    player.play(*lines(1, 1), *lines(11, 4))
    player.play(*lines(52, 9))
    player.play(log_line(53), publish=published)
    if published:  # as if the kill came between the table and the verdict
        for file in player.tables.anomalies.rglob("*"):
            file.unlink() if file.is_file() else None
    player.restart()
    assert anomalies(player) == [("spike", 10, '["a"]', 4, 1, False, 0)]


def started_again(player: Player, spec: StreamSpec) -> Player:
    """Another driver of the same generation, by the spec as it is deployed now."""
    return Player(player.root, spec, player.generation, log=player.log)


def test_other_detectors_judge_all_closed_windows_again(tmp_path: Path) -> None:
    player = played(tmp_path, spike=SPIKE)
    again = started_again(player, spec_with(many=MANY | {"when": "requests = 1"}))
    assert anomalies(again) == [("many", 0, '["a"]', 1, None, False, 0), ("spike", 10, '["a"]', 4, 1, True, 1)]
    started_again(again, again.spec)
    assert len(anomalies(again)) == 2


def test_a_detector_that_moves_to_another_metric_judges_there(tmp_path: Path) -> None:
    metrics = {"counts": COUNTS, "all": COUNTS | {"keys": []}}
    player = Player(tmp_path, spec_with(metrics, many=MANY))
    player.play(*lines(1, 1), *lines(11, 4))
    player.play(*lines(52, 9))
    player.play(log_line(53))
    again = started_again(player, spec_with(metrics, many=MANY | {"metric": "all"}))
    assert anomalies(again) == [("many", 10, '["a"]', 4, None, True, 1), ("many", 10, "[]", 4, None, False, 0)]


def test_a_reconciler_reads_the_detectors_of_the_deployed_spec(tmp_path: Path) -> None:
    player = played(tmp_path)
    player.play(*lines(2, 5), log_line(54))
    deployed = spec_with(many=MANY)
    reconcile_books(replace(player.books, spec=deployed, eras=read_eras(player.tables, deployed)))
    assert anomalies(player) == [("many", 0, '["a"]', 6, None, False, 0)]


def test_who_raises_beside_a_correction_looks_again(tmp_path: Path) -> None:
    """A reconciler that had nothing to write leaves no trace on the table, though it corrected what was looked at."""
    player = played(tmp_path)
    tables, eras = player.tables, read_eras(player.tables, spec_with(spike=SPIKE))
    last = player.books.ledger[-1]
    detection = Detection(tables, eras)
    groups = pa.table({"metric": ["counts"], "window_end": pa.array([20_000_000]).cast(TIME), "key": ['["a"]']})
    asked: list[int] = []

    def judge_beside_a_correction() -> list[Judgement]:
        found = [ask() for asked in detection.verdicts(groups).values() for ask in asked]
        asked.append(len(found))
        if len(asked) == 1:
            player.play(*lines(2, 3), log_line(54))
            reconcile_books(replace(player.books, eras=eras))
        return found

    commit_anomalies(tables, judge_beside_a_correction, Moment(last.batch_at_ms * 1000, 1))
    assert len(asked) == 3
    assert [row[-2:] for row in anomalies(player)] == [(True, 1)]


def test_windows_that_a_new_spec_takes_over_are_judged_by_its_detectors(tmp_path: Path) -> None:
    first = played(tmp_path, many=MANY)
    first.play(log_line(75))
    first.play(log_line(76))  # [50, 60) closes with eleven
    first.play(*lines(91, 8))
    before = anomalies(first)
    assert [row[1] for row in before] == [10, 50]
    wider = spec_with({"counts": COUNTS | {"keys": []}}, many=MANY | {"when": "requests > 7"})
    second = Player(tmp_path, wider, 2, log=first.log)
    assert anomalies(second) == before  # what was closed is the old spec's, and so are its anomalies
    second.play(log_line(120))
    second.play(log_line(121))
    assert anomalies(second)[-1] == ("many", 90, "[]", 8, None, False, 0)


def test_keys_are_judged_apart(tmp_path: Path) -> None:
    player = Player(tmp_path, spec_with(spike=SPIKE))
    player.play(*lines(1, 1), *lines(11, 4, "b"))
    player.play(*lines(52, 1))
    player.play(log_line(53))
    assert anomalies(player) == []  # the first window of b has none before it
