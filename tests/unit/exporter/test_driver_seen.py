"""What a driver tells of itself, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from support.records import small_spec
from support.scraped import scrape, serving, value, values
from tideline.batch_done import BatchDone, Progress
from tideline.exporter.driver_metrics import DriverMetrics
from tideline.exporter.driver_seen import REASONS, DriverSeen, after_batch, after_progress, backlog_of
from tideline.troubles import Trouble

START = DriverSeen("s", "0.1.0", epoch=3, generation=2, started=1_000_000)
DONE = BatchDone(batch=7, rows=10, groups=4, watermark_ms=900_000, ends={0: 17}, late_version=None, late_events=2)


def test_counters_add_up_and_gauges_are_of_the_last_batch() -> None:
    first = after_batch(START.of_metrics({}), replace(DONE, rejects={"not_utf8": 2}), 400, 1_001_000)
    last = after_batch(first, replace(DONE, batch=8, groups=1, rejects={"bad_at": 1}), 1_600, 1_002_000)
    assert (last.batches, last.records, last.late_events, last.total_ms) == (2, 20, 4, 2_000)
    assert (last.batch, last.groups, last.last_ms, last.at) == (8, 1, 1_600, 1_002_000)
    assert last.rejects == dict.fromkeys(REASONS, 0) | {"not_utf8": 2, "bad_at": 1}


def test_a_batch_that_another_driver_committed_counts_for_that_one() -> None:
    seen = after_batch(START, replace(DONE, fresh=False), 400, 1_001_000)
    assert (seen.batch, seen.batches, seen.records) == (7, 0, 0)


@pytest.mark.parametrize(("took_ms", "place"), [(0, 0), (100, 0), (101, 1), (1_000, 3), (400_000, 11)])
def test_a_duration_is_counted_once_under_its_bound(took_ms: int, place: int) -> None:
    durations = after_batch(START, DONE, took_ms, 1).durations
    assert [i for i, count in enumerate(durations) if count] == [place]


def test_progress_that_comes_twice_counts_once() -> None:
    first = after_progress(START, Progress(3, dropped=5, state_groups=10, state_bytes=100))
    again = after_progress(first, Progress(3, dropped=5, state_groups=9, state_bytes=90))
    later = after_progress(again, Progress(5, dropped=1, state_groups=8, state_bytes=80))
    assert (again, later.late_groups, later.state_groups) == (first, 6, 8)


@pytest.mark.parametrize(
    ("done", "log_ends", "backlog"),
    [
        ({0: 5}, {0: 7, 1: 3}, {0: 2, 1: 3}),
        ({0: 9}, {0: 7}, {0: 0}),
        (None, {0: 7}, {}),
        ({0: 5}, None, {}),
    ],
)
def test_a_backlog_is_told_where_both_ends_are_known(
    done: dict[int, int] | None, log_ends: dict[int, int] | None, backlog: dict[int, int]
) -> None:
    assert backlog_of(done, log_ends) == backlog


def metrics() -> DriverMetrics:
    return DriverMetrics(START, lambda: 1_003_000)


def test_a_driver_is_scraped_over_http() -> None:
    driver = metrics()
    driver.of_metrics(small_spec(), ["table counts"])
    driver.starts_at(lambda: {0: 3})
    driver.log_ends({0: 20})
    with serving(driver) as server:
        assert value(scrape(server.url), "tideline_backlog_offsets", partition="0") == 17
        driver.batch_done(DONE, 2_000)
        driver.troubles([Trouble("sink kafka x: counts", "no broker", 1, 1, 2)])
        samples = scrape(server.url)
    assert value(samples, "tideline_backlog_offsets", partition="0") == 3
    assert value(samples, "tideline_watermark_delay_seconds") == 103
    assert value(samples, "tideline_batch_duration_seconds_sum") == 2
    assert value(samples, "tideline_batch_duration_seconds_bucket", le="2.5") == 1
    assert value(samples, "tideline_batch_duration_seconds_bucket", le="1.0") == 0
    assert value(samples, "tideline_part_failing", part="table counts") == 0
    assert value(samples, "tideline_part_failing", part="sink kafka x: counts") == 1


def test_a_broker_that_is_away_makes_the_backlog_absent() -> None:
    driver = metrics()
    driver.batch_done(DONE, 1)
    driver.log_ends({0: 20})
    driver.log_ends(None)
    with serving(driver) as server:
        assert values(scrape(server.url), "tideline_backlog_offsets") == []


def test_before_the_first_event_there_is_no_watermark() -> None:
    driver = metrics()
    driver.batch_done(replace(DONE, watermark_ms=0), 1)
    with serving(driver) as server:
        samples = scrape(server.url)
    assert values(samples, "tideline_watermark_timestamp_seconds") == []
    assert values(samples, "tideline_watermark_delay_seconds") == []


def test_what_a_job_does_not_know_is_not_told() -> None:
    driver = metrics()
    driver.batch_done(BatchDone(0, 5, None, 0, {}, None), 30)
    with serving(driver) as server:
        samples = scrape(server.url)
    assert value(samples, "tideline_records_total") == 5
    assert {sample.name for sample in samples} & {
        "tideline_rejects_total", "tideline_late_events_total", "tideline_batch_groups", "tideline_state_groups",
        "tideline_part_failing",
    } == set()  # fmt: skip


@pytest.mark.parametrize(
    "tell",
    [
        lambda driver: driver.batch_done(None, 1),
        lambda driver: driver.progress("nonsense"),
        lambda driver: driver.troubles(None),
        lambda driver: driver.published(None, None),
        lambda driver: driver.starts_at(lambda: 1 / 0),
    ],
)
def test_what_fails_in_the_exporter_goes_no_further(tell: Callable[[DriverMetrics], None]) -> None:
    driver = metrics()
    driver.of_metrics(small_spec(), [])
    tell(driver)
    driver.batch_done(DONE, 1)
    with serving(driver) as server:
        assert value(scrape(server.url), "tideline_batches_total") == 1


def test_hostile_reasons_and_parts_stay_labels() -> None:
    driver = metrics()
    driver.batch_done(replace(DONE, rejects={'x"}\n\x1b[2J': 1}), 1)
    driver.troubles([Trouble("sink \u202e<b>", "", 1, 1, 2)])
    with serving(driver) as server:
        samples = scrape(server.url)
    assert value(samples, "tideline_rejects_total", reason=r'x"}\n\x1b[2J') == 1
    assert value(samples, "tideline_part_failing", part=r"sink \u202e<b>") == 1


def test_more_reasons_than_are_told_are_added_up() -> None:
    driver = metrics()
    driver.batch_done(replace(DONE, rejects={f"bad_{number:03}": 1 for number in range(80)}), 1)
    with serving(driver) as server:
        rejects = values(scrape(server.url), "tideline_rejects_total")
    assert (len(rejects), sum(rejects)) == (51, 80)
