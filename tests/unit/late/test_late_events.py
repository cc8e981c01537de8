from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from support.records import log_line, small_spec
from tideline.bench.player import Player, records
from tideline.engine.cells import Engine
from tideline.engine.late_pairs import late_pairs
from tideline.generations import only_era
from tideline.late_alerts import late_alerts
from tideline.late_record import LateRecord, batch_facts
from tideline.lateness import Bounds
from tideline.reconcile import compute_corrections, reconcile_books
from tideline.reconcile_plan import LateSpan, plan_reconcile
from tideline.spec.model import LateAlert, StreamSpec
from tideline.tables.books import read_corrected, read_ledger
from tideline.tables.late_alerts import commit_late_alerts, read_late_alerts
from tideline.tables.late_events import LATE_EVENTS, commit_late_events, read_late_events
from tideline.versions import version_of

COUNT = {"measures": {"n": "count"}}


def with_alert(spec: StreamSpec, key: str = "user_id", more_than: int = 1) -> StreamSpec:
    alert = LateAlert(key=key, more_than=more_than, within=60_000)
    return spec.model_copy(update={"late_data": spec.late_data.model_copy(update={"alert": alert})})


def late_record(player: Player, spec: StreamSpec | None = None) -> LateRecord:
    """What the next run collects of the player's log."""
    plan = plan_reconcile(player.eras, read_ledger(player.tables), read_corrected(player.tables))
    late = LateRecord((spec or player.spec).late_data.alert, player.eras, plan.spans)
    compute_corrections(player.eras, plan, player.read(plan.ranges), late.collect)
    return late


def played(root: Path, *batches: list[bytes], spec: StreamSpec | None = None) -> Player:
    player = Player(root, spec or small_spec())
    for batch in batches:
        player.play(*batch)
    return player


def seconds(rows: pa.Table, column: str) -> list[float]:
    return [value / 1e6 for value in rows[column].cast(pa.int64()).to_pylist()]


def test_a_late_event_is_listed_with_its_window_its_place_and_what_became_of_it(tmp_path: Path) -> None:
    player = played(tmp_path, [log_line(5)], [log_line(45)], [log_line(46), log_line(6.0425, "b"), b"junk"])
    (row,) = late_record(player).rows().to_pylist()
    assert {name: row[name] for name in ("metric", "key", "topic", "partition", "offset", "batch", "generation")} == {
        "metric": "counts", "key": '["b"]', "topic": "small", "partition": 0, "offset": 3, "batch": 2, "generation": 1,
    }  # fmt: skip
    times = [row[name].timestamp() for name in ("event_time", "window_start", "window_end", "batch_at")]
    assert times == [6.042, 0, 10, 3]
    assert (row["lateness_ms"], row["outcome"], row["alert_key"]) == (45_000 - 6_042, "corrected", None)


def test_an_event_is_listed_once_for_each_window_that_lost_it(tmp_path: Path) -> None:
    """Windows of 30 s by 10 s, watermark 90: 75 is late for [50, 80) and [60, 90), not for [70, 100)."""
    spec = small_spec(counts={"window": "30 seconds", "slide": "10 seconds", **COUNT})
    player = played(tmp_path, [log_line(100)], [log_line(75), log_line(76)], spec=spec)
    rows = late_record(player).rows()
    assert list(zip(seconds(rows, "event_time"), seconds(rows, "window_end"), strict=True)) == [
        (75, 80), (75, 90), (76, 80), (76, 90),
    ]  # fmt: skip


def test_late_pairs_are_as_many_as_the_events_in_late_cells(tmp_path: Path) -> None:
    spec = small_spec(
        a={"window": "30 seconds", "slide": "10 seconds", "keys": ["service"], **COUNT},
        b={"window": "7 seconds", "watermark": "25 seconds", **COUNT},
    )
    engine = Engine(spec)
    engine.load(records([log_line(second / 3, "ab"[second % 2]) for second in range(300)]))
    batches = pa.table({"version": [7], "partition": [0], "start": [20], "end": [280], "late_us": [55_000_000]})
    facts = pa.table({"version": [7], "known_ms": [65_000], "batch_at_us": [0]})
    pairs = late_pairs(engine, batches, facts)
    found = pairs.group_by(["metric", "window_end", "key"]).aggregate([([], "count_all")]).to_pylist()
    cells = engine.merge(engine.late_cells(batches)).to_pylist()
    assert {(g["metric"], g["window_end"], g["key"]): g["count_all"] for g in found} == {
        (c["metric"], c["window_end"], c["key"]): c["events"] for c in cells
    }
    assert len(pairs) > 100
    engine.bounds = Bounds(20_000_000, 40_000_000)
    bounded = late_pairs(engine, batches, facts)
    ends = pairs["window_end"].cast(pa.int64())
    assert len(bounded) == pc.sum(pc.and_(pc.greater(ends, 20_000_000), pc.less_equal(ends, 40_000_000))).as_py()


def test_nothing_is_known_of_lateness_before_the_first_watermark(tmp_path: Path) -> None:
    """Before the epoch everything is dropped, in the first batch too."""
    player = played(tmp_path, [log_line(-50), log_line(1)])
    rows = late_record(player).rows()
    assert (seconds(rows, "event_time"), rows["lateness_ms"].to_pylist()) == ([-50], [None])


@pytest.mark.parametrize(("late_ms", "known"), [(0, None), (35_000, 45_000)])
def test_the_greatest_known_event_time_is_the_watermark_and_the_delay(late_ms: int, known: int | None) -> None:
    spans = [LateSpan(version_of(1, 7), 0, 0, 1, late_ms, 1)]
    assert batch_facts(only_era(small_spec()), spans)["known_ms"].to_pylist() == [known]


def test_a_batch_known_already_is_passed_over(tmp_path: Path) -> None:
    player = played(tmp_path, [log_line(45)], [log_line(6)])
    first = late_record(player)
    player.play(log_line(7), log_line(8))
    both = late_record(player)
    assert [first.write(player.tables), both.write(player.tables), both.write(player.tables)] == [1, 2, 0]
    assert sorted(seconds(read_late_events(player.tables), "event_time")) == [6, 7, 8]


def test_a_run_killed_before_its_corrections_is_made_good_by_the_next(tmp_path: Path) -> None:
    player = played(tmp_path, [log_line(45)], [log_line(6, user_id="u"), log_line(7, user_id="u")])
    commit_late_events(player.tables, late_record(player, with_alert(player.spec)).rows())
    late_record(player, with_alert(player.spec)).write(player.tables)
    assert len(read_late_events(player.tables)) == 2
    assert read_late_alerts(player.tables)["late_event_count"].to_pylist() == [2]


def test_a_reconciliation_lists_late_events_once(tmp_path: Path) -> None:
    player = played(tmp_path, [log_line(45)], [log_line(6)])
    for _ in range(2):
        reconcile_books(player.books)
        assert seconds(read_late_events(player.tables), "event_time") == [6]


def user_late_at(*times: float, user: str | None = "u") -> list[bytes]:
    return [log_line(time, user_id=user) for time in times]


def alerts_after(root: Path, *batches: list[bytes], more_than: int = 1, key: str = "user_id") -> list[dict[str, Any]]:
    """Alerts in the table when each batch after the first two was reconciled at once."""
    player = played(root, [log_line(500)], spec=with_alert(small_spec(), key, more_than))
    for batch in batches:
        player.play(*batch)
        late_record(player).write(player.tables)
    alerts: list[dict[str, Any]] = read_late_alerts(player.tables).to_pylist()
    return alerts


def test_more_late_events_than_allowed_in_one_stretch_raise_an_alert(tmp_path: Path) -> None:
    (alert,) = alerts_after(tmp_path, user_late_at(61, 75, 119.9), more_than=2)
    assert (alert["alert_column"], alert["alert_key"], alert["late_event_count"]) == ("user_id", "u", 3)
    times = ("window_start", "window_end", "earliest_late_event", "raised_at", "as_of")
    assert [alert[name].timestamp() for name in times] == [60, 120, 61, 2, 2]


@pytest.mark.parametrize(
    "batches",
    [
        [user_late_at(61, 62)],
        [user_late_at(59, 60, 61)],
        [user_late_at(1, 2, 3, user=None)],
        [user_late_at(1, 2, user="a"), user_late_at(3, user="b")],
        [user_late_at(501, 502, 503)],
    ],
    ids=["as many as allowed", "in two stretches", "no key", "of two keys", "on time"],
)
def test_fewer_raise_none(tmp_path: Path, batches: list[list[bytes]]) -> None:
    assert alerts_after(tmp_path, *batches, more_than=2) == []


def test_late_events_of_several_batches_add_up_and_the_batch_of_the_one_too_many_is_told(tmp_path: Path) -> None:
    (alert,) = alerts_after(tmp_path, user_late_at(5), user_late_at(4), user_late_at(3), user_late_at(9))
    assert (alert["late_event_count"], alert["raised_at"].timestamp(), alert["as_of"].timestamp()) == (4, 3, 5)


def test_an_event_that_several_windows_lost_counts_once() -> None:
    rows = [
        {"event_time": 5_000_000, "topic": "t", "partition": 0, "offset": offset, "metric": metric,
         "alert_column": "user_id", "alert_key": "u", "batch_at": 0}
        for offset in (1, 2) for metric in ("a", "b", "c")
    ]  # fmt: skip
    late = pa.Table.from_pylist(rows, schema=LATE_EVENTS)
    found = late_alerts(late, LateAlert(key="user_id", more_than=1, within=60_000))
    assert found["late_event_count"].to_pylist() == [2]
    assert len(late_alerts(late, LateAlert(key="user_id", more_than=2, within=60_000))) == 0


def test_a_key_that_is_a_number_is_told_as_text(tmp_path: Path) -> None:
    late = [log_line(second, status_code=404) for second in (1, 2)]
    assert [alert["alert_key"] for alert in alerts_after(tmp_path, late, key="status_code")] == ["404"]


def test_late_events_of_another_alert_key_are_not_counted(tmp_path: Path) -> None:
    player = played(tmp_path, [log_line(500)], user_late_at(1, 2), spec=with_alert(small_spec(), "service", 9))
    late_record(player).write(player.tables)
    player.play(*user_late_at(3))
    late_record(player, with_alert(small_spec(), "user_id", 1)).write(player.tables)
    assert read_late_alerts(player.tables).to_pylist() == []


def test_an_alert_never_counts_less_and_is_new_once(tmp_path: Path) -> None:
    player = played(tmp_path, [log_line(500)], user_late_at(1, 2, 3), spec=with_alert(small_spec()))
    late_record(player).write(player.tables)
    three = read_late_alerts(player.tables)
    two = three.set_column(4, "late_event_count", pa.array([2], pa.int64()))
    assert len(commit_late_alerts(player.tables, two)) == 0
    assert read_late_alerts(player.tables) == three


def test_a_new_alert_is_told_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        alerts_after(tmp_path, user_late_at(5, 6), user_late_at(7))
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("late alert: user_id u had 2 late events in [1970-01-01 00:00:00+00:00,")


def test_only_an_alert_changes_no_fingerprint() -> None:
    assert with_alert(small_spec()).fingerprint() == small_spec().fingerprint()


def test_the_example_of_the_docs(tmp_path: Path) -> None:
    """10:00:20 and 10:09:00, then 10:00:40: 8 min 20 s behind, by a delay of 5 minutes."""
    ten = round(datetime(2026, 1, 31, 10, tzinfo=UTC).timestamp())
    requests = {"window": "1 minute", "keys": ["service"], **COUNT}
    spec = small_spec(requests=requests).model_copy(update={"watermark": 300_000})
    player = played(tmp_path, [log_line(ten + 20)], [log_line(ten + 540)], [log_line(ten + 40)], spec=spec)
    (row,) = late_record(player).rows().to_pylist()
    assert (row["offset"], row["batch"], row["lateness_ms"]) == (2, 2, 500_000)


def test_what_a_new_spec_drops_of_older_windows_is_listed_by_the_old_one_and_measured_by_the_new(
    tmp_path: Path,
) -> None:
    old = played(tmp_path, [log_line(5)], [log_line(61)], [log_line(62)])
    reconcile_books(old.books)
    slower = old.spec.model_copy(update={"watermark": 40_000})
    new = Player(tmp_path, slower, 2, log=old.log)
    for line in (log_line(6), log_line(100), log_line(7)):
        new.play(line)
    reconcile_books(new.books)
    found = sorted(read_late_events(new.tables).to_pylist(), key=lambda row: row["version"])
    told = [(row["event_time"].timestamp(), row["window_end"].timestamp(), row["lateness_ms"]) for row in found]
    assert told == [(6, 10, None), (7, 10, 93_000)]
