"""What a data engineer does in Airflow's pages, done in a real browser."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from support.held import PAGE, first_count, hold_one_event
from support.platform import Platform
from support.questions import Question
from support.recorded import Recorded
from support.records import log_line
from support.web_ui import STREAM, WebUi
from tideline.airflow_api import ENDS, AirflowApi
from tideline.airflow_runs import trigger_once_parsed
from tideline.gate.suites import DOCS
from tideline.kafka_io import ensure_topic
from tideline.keeper.lifecycle import State
from tideline.platform.waiting import wait_until
from tideline.registry.store import Registry
from tideline.spec.load import spec_names
from tideline.tables.holds import read_holds
from tideline.times import iso

DAG = "reconcile_late_data"
HELD, LATE = "held-in-browser", "late-in-browser"
LINKS = ("Stream", "Spark UI", "Driver log", "Checkpoint")


def test_the_form_offers_the_specs_and_deploys_one(
    whole: Platform, ui: WebUi, api: AirflowApi, registry: Registry
) -> None:
    ensure_topic(whole.settings.kafka, STREAM, 3)
    dialog = ui.form("deploy_stream")
    expect(dialog.locator("#list_stream option")).to_have_text(spec_names(whole.specs))

    dialog.locator("#element_stream").fill(STREAM)
    run = ui.triggered(dialog)
    with ui.away():
        assert api.wait("deploy_stream", run, 400) == "success"
    row = registry.stream(STREAM)
    assert (row.state, row.epoch, row.asked_by) == (State.STABLE, 1, "admin")
    expect(ui.page.get_by_text("Success", exact=True).first).to_be_visible()


def test_form_and_run_lead_to_the_driver(ui: WebUi, api: AirflowApi, whole: Platform) -> None:
    page = ui.page
    ui.form("deploy_stream").get_by_role("link", name="All streams").first.wait_for()
    (run,) = api.call("GET", "/dags/deploy_stream/dagRuns")["dag_runs"]
    page.goto(f"/dags/deploy_stream/runs/{run['dag_run_id']}/tasks/await_stable/details")
    of_task = {name: page.get_by_role("link", name=name, exact=True) for name in LINKS}
    for link in of_task.values():
        expect(link).to_be_visible()
    addresses = {name: str(link.get_attribute("href")) for name, link in of_task.items()}

    page.goto(f"{whole.settings.api_url}/tideline/streams")
    expect(page.get_by_role("row", name=STREAM)).to_contain_text("STABLE")
    page.get_by_role("link", name=STREAM, exact=True).click()
    assert page.url == addresses["Stream"]
    newest = page.get_by_role("region", name="Transitions").get_by_role("row").nth(1)
    expect(newest).to_contain_text(re.compile(r"DEPLOYED\s*STABLE"))

    page.get_by_role("link", name="Spark UI").click()
    expect(page.get_by_text(f"tideline-{STREAM}").first).to_be_visible()
    page.goto(addresses["Driver log"])
    expect(page.locator("body")).to_contain_text("batch")
    seen = page.goto(addresses["Checkpoint"])
    assert seen is not None
    checkpoint = seen.json()
    assert Path(checkpoint["folder"]) == whole.home.stream(STREAM).checkpoint(1)
    assert checkpoint["generation"] == 1

    missing = page.goto(addresses["Spark UI"].replace(STREAM, "nosuch"))
    assert missing is not None
    assert (missing.status, missing.json()["detail"]) == (404, "no stream 'nosuch' was deployed")


def test_a_run_by_hand_cleared_from_the_pages_changes_nothing(whole: Platform, ui: WebUi, api: AirflowApi) -> None:
    send_with_late_events(whole)
    run = trigger_once_parsed(api, DAG, {"stream": STREAM}, print)
    assert api.wait(DAG, run, 240) == "success"
    before = verified(whole)
    assert before["corrected"] > 0

    ui.clear_run(DAG, run)
    assert wait_until(lambda: tries_of(api, run) == {2}, 120, every=1)
    assert api.wait(DAG, run, 240) == "success"
    assert verified(whole) == before


def test_three_intervals_correct_what_was_recorded_in_them_backfilled_and_cleared_from_the_pages(
    whole: Platform, ui: WebUi, api: AirflowApi, registry: Registry
) -> None:
    stream, intervals = Recorded(whole.home, whole.settings.kafka, registry, LATE), three_intervals()
    assert wait_until(lambda: is_between_schedules(api), 600, every=1)
    stream.record(intervals[0], log_line(5), log_line(100))
    for number, start in enumerate(intervals):
        stream.record(start + timedelta(minutes=1), log_line(6 + number))
    assert stream.books.pending == 3

    ui.backfill(DAG, intervals[0], intervals[-1])
    ends = {iso(start): "success" for start in intervals}
    assert wait_until(lambda: states(backfilled(api)) == ends, 300, every=1), backfilled(api)
    assert stream.books.pending == 0
    assert verified(whole, LATE)["corrected"] == 3

    assert wait_until(lambda: is_between_schedules(api), 600, every=1)
    stream.record(intervals[-1] + timedelta(minutes=2), log_line(9))
    assert stream.books.pending == 1
    runs = [str(run["dag_run_id"]) for run in backfilled(api).values()]
    for run in runs:
        ui.clear_run(DAG, run)
    assert wait_until(lambda: all(tries_of(api, run) == {2} for run in runs), 300, every=1)
    assert wait_until(lambda: states(backfilled(api)) == ends, 300, every=1), backfilled(api)
    assert stream.books.pending == 0
    assert verified(whole, LATE)["corrected"] == 4


def three_intervals() -> list[datetime]:
    """Where three of the schedule begin, which ended hours ago."""
    last = last_schedule() - timedelta(hours=3)
    return [last - timedelta(minutes=minutes) for minutes in (20, 10, 0)]


def last_schedule() -> datetime:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    return now - timedelta(minutes=now.minute % 10)


def is_between_schedules(api: AirflowApi) -> bool:
    """Whether the schedule's newest run is over and the next is minutes away: each would correct what a test leaves."""
    newest = {"run_type": "scheduled", "order_by": "-run_after", "limit": 1}
    runs = api.call("GET", f"/dags/{DAG}/dagRuns", params=newest)["dag_runs"]
    over = [run["state"] in ENDS and run["data_interval_end"] == iso(last_schedule()) for run in runs]
    return over == [True] and datetime.now(UTC).minute % 10 < 7


def send_with_late_events(whole: Platform) -> None:
    """Two event hours of traffic at most, and all of it in the tables. The late ones come after the watermark that
    others have moved, however long a batch takes."""
    words = ("--kind", "user-events", "--rate", "100", "--seconds", "12", "--late-by", "15 minutes")
    for seed in ("30", "31"):
        produced = whole.run("produce", "--topic", STREAM, *words, "--seed", seed)
        assert produced.returncode == 0, produced.stderr
        assert wait_until(lambda: whole.stream(STREAM)["backlog"] == 0, 180, every=1)


def verified(whole: Platform, stream: str = STREAM) -> dict[str, Any]:
    """What the books say, once every table equals a batch computation and nothing is pending."""
    done = whole.run("verify", stream, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["holds"], report["conservation"]["holds"]) == (0, True, True), report
    assert {metric["pending"] for metric in report["metrics"].values()} == {0}
    return dict(report["conservation"])


def tries_of(api: AirflowApi, run: str) -> set[int]:
    found = api.call("GET", f"/dags/{DAG}/dagRuns/{run}/taskInstances")["task_instances"]
    return {int(task["try_number"]) for task in found if task["task_id"] == "reconcile"}


def backfilled(api: AirflowApi) -> dict[str, dict[str, Any]]:
    """The runs of backfills, by the start of their data intervals."""
    runs = api.call("GET", f"/dags/{DAG}/dagRuns", params={"run_type": "backfill"})["dag_runs"]
    return {str(run["data_interval_start"]): run for run in runs}


def states(runs: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {start: str(run["state"]) for start, run in runs.items()}


def test_a_run_for_what_is_no_spec_says_so(ui: WebUi, api: AirflowApi) -> None:
    dialog = ui.form("deploy_stream")
    dialog.locator("#element_stream").fill("nosuch")
    run = ui.triggered(dialog)
    assert api.wait("deploy_stream", run, 180) == "failed"
    assert str(api.xcom("deploy_stream", run, "ask", "reason")).startswith("there is no stream 'nosuch' in ")


def test_a_form_that_lacks_a_time_cannot_be_submitted(ui: WebUi) -> None:
    dialog = ui.form("backfill_stream")
    expect(dialog.get_by_text("This field is required")).to_have_count(2)
    expect(dialog.get_by_role("button", name="Trigger", exact=True)).to_be_disabled()


def test_held_corrections_are_published_in_the_name_of_who_approves(
    whole: Platform, ui: WebUi, api: AirflowApi
) -> None:
    tables, run = hold_one_event(whole.home, HELD), f"hold-{HELD}-1"
    api.wait("reconcile_late_data", trigger_once_parsed(api, "reconcile_late_data", {"stream": HELD}, print), 180)
    question = Question(api, "release_corrections", run, "approve")
    asked = question.asked()
    question.let_read()

    ui.page.goto("/required_actions")
    ui.page.get_by_role("link", name=asked["subject"]).click()
    ui.page.get_by_role("button", name="Approve", exact=True).click()
    assert api.wait("release_corrections", run, 180) == "success"
    expect(ui.page.get_by_text("from admin")).to_be_visible()

    (hold,) = read_holds(tables)
    assert hold.release is not None
    assert (hold.release.by, hold.release.run) == ("admin", run)
    assert first_count(tables) == 2


def test_data_docs_open(whole: Platform, ui: WebUi) -> None:
    page = whole.home.stream(HELD).validations / DOCS / PAGE
    page.parent.mkdir(parents=True)
    page.write_text("<h1>What was found</h1>")
    ui.page.goto(f"/tideline/data-docs/{HELD}/{PAGE}")
    expect(ui.page.get_by_role("heading", name="What was found")).to_be_visible()
