"""What tasks about a stream do with a real registry and a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from support.platform import Platform
from support.recorded import Recorded
from support.records import log_line, small_spec
from tideline.home import Home
from tideline.keeper.failures import FailedBatch, FailureClass
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.question import Answer
from tideline.keeper.recording import FAILURE
from tideline.produce.sender import Sender, send_lines
from tideline.quarantine import load_entries
from tideline.registry.requests import Request
from tideline.registry.rows import Move, StreamRow
from tideline.registry.store import Registry
from tideline.verify import verify_stream
from tideline_airflow.answer_tasks import act_on, question_of
from tideline_airflow.operators import AwaitStream
from tideline_airflow.table_tasks import ReconcileStream, StreamsToReconcile

WHY = "DriverLost: the same exception twice"
_NUMBERS = count()


@dataclass
class Known:
    """A stream that is wanted RUNNING; another keeper holds its lease, so that no driver is started."""

    name: str
    home: Home
    registry: Registry

    @property
    def row(self) -> StreamRow:
        return self.registry.stream(self.name)

    @property
    def listed(self) -> list[tuple[int, int, str, str]]:
        entries = load_entries(self.home.stream(self.name).quarantine)
        return [(entry.partition, entry.offset, entry.why, entry.who) for entry in entries]

    def goes(self, *states: State, **evidence: Any) -> None:
        for state in states:
            self.registry.record(self.row, Move(state, WHY, "keeper", evidence), acted=self.row.requested)

    def fails_twice_on(self, *records: int) -> None:
        """Of partition 0: it is FAILED then."""
        offsets = {0: [(records[0], records[-1] + 1)]}
        lost = {"class": FailureClass.POISON, "batch": FailedBatch("f", self.name, offsets).as_dict()}
        self.goes(State.FENCING, State.SUBMITTING, State.STARTING, State.UNHEALTHY, State.FAILED, **{FAILURE: lost})


@pytest.fixture
def known(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Known]:
    """Its topic has two records."""
    monkeypatch.setenv("TIDELINE_HOME", str(platform.home.root))
    monkeypatch.setenv("AIRFLOW_CONN_TIDELINE_KAFKA", "{}")
    name = f"tasks-{next(_NUMBERS)}"
    spec = small_spec()
    spec = spec.model_copy(update={"name": name, "source": spec.source.model_copy(update={"topic": name})})
    text = spec.model_dump_json(exclude_none=True)
    with Sender(platform.settings.kafka, name, partitions=1) as sender:
        send_lines(sender, [log_line(1), log_line(2)])
    home = platform.home.stream(name)
    home.root.mkdir(parents=True)
    home.spec.write_text(text)
    registry = Registry.connect(platform.settings.registry_url)
    registry.request(Request(name, Desired.RUNNING, "bob", text, spec.fingerprint()))
    registry.leases.take(name, "another", 600_000)
    yield Known(name, platform.home, registry)
    registry.request(Request(name, Desired.STOPPED, "bob"))
    registry.close()


def context(run_type: str = "manual", **facts: Any) -> Any:
    pushed: dict[str, Any] = {}
    run = SimpleNamespace(
        run_id="run-1", dag_id="d", run_type=run_type, triggering_user_name=None, start_date=datetime.now(UTC)
    )
    return {"ti": SimpleNamespace(xcom_push=pushed.__setitem__), "dag_run": run, "pushed": pushed, **facts}


def answer(chosen: Answer, **place: int) -> dict[str, Any]:
    return {"chosen_options": [chosen], "params_input": place, "responded_by_user": {"id": "1", "name": "ann"}}


def asked(known: Known) -> dict[str, Any]:
    return question_of(known.name, context())


def acts(known: Known, chosen: dict[str, Any]) -> str:
    return act_on(known.name, asked(known), chosen, context())


def test_one_answer_puts_the_only_record_on_the_quarantine_list_and_asks_for_a_new_driver(known: Known) -> None:
    known.fails_twice_on(1)
    assert "- partition 0, offsets 1 to 1" in question_of(known.name, context())["body"]
    assert acts(known, answer(Answer.QUARANTINE)) == f"ann starts {known.name} again"
    assert known.listed == [(0, 1, WHY, "ann")]
    row = known.row
    assert (row.asked_by, row.asked_for, row.has_request) == ("ann", "restart", True)


def test_of_several_records_the_answer_says_which(known: Known) -> None:
    known.fails_twice_on(0, 1)
    acts(known, answer(Answer.QUARANTINE, partition=0, offset=0))
    assert known.listed == [(0, 0, WHY, "ann")]


@pytest.mark.parametrize(
    ("place", "why"),
    [({}, "the answer names no record"), ({"partition": 0, "offset": 7}, "has no record at offset 7")],
    ids=["none", "not there"],
)
def test_a_record_that_is_not_named_or_not_there_starts_nothing(known: Known, place: dict[str, int], why: str) -> None:
    known.fails_twice_on(0, 1)
    told = context()
    with pytest.raises(AirflowFailException, match=why):
        act_on(known.name, asked(known), answer(Answer.QUARANTINE, **place), told)
    assert why in told["pushed"]["reason"]
    assert known.listed == []
    assert not known.row.has_request


@pytest.mark.parametrize(("chosen", "starts"), [(Answer.START, True), (Answer.LEAVE, False)])
def test_no_other_answer_touches_the_quarantine_list(known: Known, chosen: Answer, starts: bool) -> None:
    known.fails_twice_on(1)
    acts(known, answer(chosen))
    assert (known.listed, known.row.has_request) == ([], starts)


def test_an_answer_that_comes_too_late_changes_nothing(known: Known) -> None:
    known.fails_twice_on(1)
    question = asked(known)
    known.goes(State.FENCING)
    with pytest.raises(AirflowSkipException, match="waits for nobody any more"):
        act_on(known.name, question, answer(Answer.QUARANTINE), context())
    assert known.listed == []


def test_an_answer_to_an_older_question_acts_on_no_newer_trouble(known: Known) -> None:
    known.fails_twice_on(0)
    question = asked(known)
    known.registry.request(Request(known.name, Desired.RUNNING, "bob", again=True))
    known.fails_twice_on(1)
    with pytest.raises(AirflowSkipException, match="waits for another reason by now"):
        act_on(known.name, question, answer(Answer.QUARANTINE), context())
    assert (known.listed, known.row.has_request) == ([], False)


def test_a_wait_that_fails_has_the_reason_and_the_drivers_last_lines(
    known: Known, capsys: pytest.CaptureFixture[str]
) -> None:
    known.home.stream(known.name).log.write_text("first\nTopicMissing: no topic\n")
    wait, told = AwaitStream(task_id="await", stream=known.name, wanted="RUNNING", timeout_seconds=1), context()
    with pytest.raises(AirflowFailException, match=f"^{known.name} is FAILED$"):
        wait.settled(told, {"reached": False, "reason": f"{known.name} is FAILED"})
    assert told["pushed"] == {"reason": f"{known.name} is FAILED"}
    lines = capsys.readouterr().out.splitlines()
    assert ["driver: first" in lines[0], "driver: TopicMissing: no topic" in lines[1]] == [True, True]


def test_a_wait_that_is_over_well_says_why(known: Known) -> None:
    wait = AwaitStream(task_id="await", stream=known.name, wanted="RUNNING", timeout_seconds=1)
    assert wait.settled(context(), {"reached": True, "reason": "it is STABLE"}) == "it is STABLE"


def test_a_reconciliation_by_schedule_waits_for_a_stream_that_gets_a_driver_and_one_by_hand_does_not(
    known: Known,
) -> None:
    find, params = StreamsToReconcile(task_id="streams"), {"stream": known.name}
    known.goes(State.FENCING)
    assert not find.poke(context("scheduled", params=params)).is_done
    by_hand = find.poke(context("manual", params=params))
    assert (by_hand.is_done, by_hand.xcom_value) == (True, {known.name: False})


def test_a_run_corrects_what_was_recorded_before_its_interval_ends(platform: Platform, known: Known) -> None:
    stream = Recorded(platform.home, platform.settings.kafka, known.registry, f"{known.name}-recorded")
    ends = [datetime(2026, 1, 1, 12, minute, tzinfo=UTC) for minute in (0, 10, 20)]
    stream.record(ends[0] - timedelta(minutes=9), log_line(5), log_line(100))
    for number, end in enumerate(ends):
        stream.record(end - timedelta(minutes=1), log_line(6 + number))
    reconcile = ReconcileStream(task_id="reconcile", stream=f"{known.name}-recorded")
    for number, end in enumerate(ends):
        assert reconcile.execute(context("backfill", data_interval_end=end))["late_events"] == 1
        assert stream.books.pending == 2 - number
    report = verify_stream(platform.home, platform.settings.kafka, f"{known.name}-recorded")
    assert (report.holds, report.books.corrected) == (True, 3)
