"""What the driver decides without a JVM."""

from __future__ import annotations

import json
import threading
from importlib import import_module
from pathlib import Path

import pytest
from pyspark.errors import StreamingQueryException

from support.records import log_line, small_spec
from tideline.batch_done import BatchDone
from tideline.begin import SpecChanged
from tideline.bench.player import Player
from tideline.checkpoint import CheckpointLog, UnreadableCheckpoint
from tideline.errors import UserError
from tideline.isolation import IsolationDiffers
from tideline.kafka_access import KafkaAccess
from tideline.kafka_client import AccessDenied, BrokerUnreachable
from tideline.kafka_io import OffsetsGone, TopicMissing
from tideline.kafka_transactions import SendRefused
from tideline.keeper.cause_tables import BY_NAME
from tideline.keeper.epochs import create_epoch
from tideline.ledger import TopicChanged
from tideline.sinks.of_stream import Planned
from tideline.sinks.outlet import Outlet
from tideline.spec.job import JobSpec
from tideline.spec.own_settings import is_refused
from tideline.tables.books import read_last_row
from tideline.tables.delta import Superseded
from tideline.tables.published import ColumnChanged
from tideline.troubles import Troubles
from tideline_spark.attend import stop_requested
from tideline_spark.begin_stream import require_checkpoint
from tideline_spark.beside import STUCK_S, Outlets
from tideline_spark.driver import SETTINGS, parse_arguments
from tideline_spark.exits import Exit, StateLost, exit_code, last_words
from tideline_spark.fence import Fence
from tideline_spark.heartbeat import Heartbeat
from tideline_spark.job import interval_s
from tideline_spark.lifetime import session_settings
from tideline_spark.plan import NoWatermark, starting_offsets
from tideline_spark.rule_settings import OtherRule

SUBMIT = {"stream": "s", "home": "/h", "epoch": "3", "generation": "1", "tag": "s-e3"}
ARGUMENTS = [word for name, value in SUBMIT.items() for word in (f"--{name}", value)]


def test_the_command_line_names_the_submit() -> None:
    arguments = parse_arguments(ARGUMENTS)
    assert (arguments.stream, arguments.epoch, arguments.generation, arguments.tag) == ("s", 3, 1, "s-e3")


def test_a_partition_that_the_cut_does_not_know_begins_at_its_earliest_offset() -> None:
    assert json.loads(starting_offsets("t", {0: 7, 1: 0}, [0, 1, 2])) == {"t": {"0": 7, "1": 0, "2": -2}}


def test_what_a_driver_sets_no_spec_may_give() -> None:
    of_all = session_settings(small_spec())
    assert [name for name in of_all if not is_refused(name, of_metrics=False)] == []
    assert [name for name in SETTINGS if not is_refused(name, of_metrics=True)] == []


@pytest.mark.parametrize("trigger", ["500 ms", "1500 ms", "0 s"])
def test_dstreams_need_whole_seconds(trigger: str) -> None:
    with pytest.raises(UserError, match="DStreams need whole seconds"):
        interval_s(job_spec(trigger))


def test_the_interval_of_dstreams_is_the_trigger() -> None:
    assert (interval_s(job_spec("1 second")), interval_s(job_spec("2 minutes"))) == (1, 120)


def job_spec(trigger: str) -> JobSpec:
    return JobSpec.model_validate({"name": "words", "entrypoint": "jobs/basics/word_count.py", "trigger": trigger})


TRACE = "org.apache.spark.sql.execution.streaming.state.StateStoreRDD.compute(StateStoreRDD.scala:129)"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Superseded("epoch 1"), Exit.SUPERSEDED),
        (RuntimeError("...\ntideline.tables.delta.Superseded: version 4 is behind 5"), Exit.SUPERSEDED),
        (NoWatermark("no predicate"), Exit.CONFIGURATION),
        (SpecChanged("watermark", "deploy"), Exit.CONFIGURATION),
        (ColumnChanged("int64", "rename"), Exit.CONFIGURATION),
        (StateLost("checkpoint"), Exit.STATE),
        (OffsetsGone("topic", {0: [(1, 2)]}), Exit.STATE),
        (TopicChanged("made again"), Exit.STATE),
        (StreamingQueryException("[STREAM_FAILED] ...\n[KAFKA_DATA_LOSS.START_OFFSET_RESET] Some data"), Exit.STATE),
        (StreamingQueryException("[CANNOT_LOAD_STATE_STORE.CANNOT_READ_DELTA_FILE_NOT_EXISTS] Error"), Exit.STATE),
        (
            StreamingQueryException(f"[STREAM_FAILED] ...\njava.io.IOException: No space left on device\n\tat {TRACE}"),
            Exit.INFRASTRUCTURE,
        ),
        (RuntimeError("anything else"), Exit.FAILED),
        (BrokerUnreachable(KafkaAccess("b:1")), Exit.INFRASTRUCTURE),
        (AccessDenied(KafkaAccess("b:1"), ValueError("wrong")), Exit.AUTH),
        (ConnectionRefusedError(111, "Connection refused"), Exit.INFRASTRUCTURE),
        (TopicMissing("t"), Exit.FAILED),
        (UserError("no argument", "mend the spec"), Exit.CONFIGURATION),
        (OtherRule("allowMultiple is false"), Exit.CONFIGURATION),
        (IsolationDiffers("read_committed", "put it back"), Exit.CONFIGURATION),
        (UnreadableCheckpoint("v99", "deploy"), Exit.STATE),
        (NameError("name 'x' is not defined"), Exit.CODE),
        (PermissionError(13, "Permission denied"), Exit.AUTH),
        (MemoryError(), Exit.OUT_OF_MEMORY),
    ],
)
def test_the_exit_code_says_why(error: Exception, code: Exit) -> None:
    assert exit_code(error) is code


PYTHON_NAMES = [name for name in BY_NAME if name.startswith(("tideline", "pyspark.", "kafka.", "_duckdb.", "_pickle."))]


@pytest.mark.parametrize("name", PYTHON_NAMES)
def test_the_exceptions_that_have_a_class_exist(name: str) -> None:
    module, _, exception = name.rpartition(".")
    assert issubclass(getattr(import_module(module), exception), Exception)


def failed(query: str, cause: str) -> StreamingQueryException:
    """A query's failure as Spark tells it."""
    return StreamingQueryException(f"[STREAM_FAILED] Query [id = {query}, runId = 2] terminated: it failed\n{cause}")


def test_the_heartbeat_tells_the_innermost_cause_of_a_query() -> None:
    told = last_words(failed("s", "ValueError: 'one' is no number"), "s")
    assert told["exception"] == "ValueError: 'one' is no number"
    assert told["fingerprint"] == last_words(failed("s", "ValueError: 'one' is no number"), "s")["fingerprint"]


@pytest.mark.parametrize(
    "error",
    [
        failed("s", "OSError: [Errno 28] No space left on device"),  # no record's doing
        failed("feed", "ValueError: 'one' is no number"),  # of another query than the stream's
        ValueError("'one' is no number"),  # of none
    ],
)
def test_only_what_a_record_may_have_caused_has_a_fingerprint(error: Exception) -> None:
    assert last_words(error, "s")["fingerprint"] is None


def test_an_older_epoch_may_not_write(tmp_path: Path) -> None:
    create_epoch(tmp_path, 3, {})
    Fence(tmp_path, 3).check()
    create_epoch(tmp_path, 4, {})
    with pytest.raises(Superseded, match="epoch 3 was superseded by 4"):
        Fence(tmp_path, 3).check()


def test_a_superseded_driver_has_no_heartbeat(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path / "heartbeat.json", {"epoch": 3}, Fence(tmp_path / "epochs", 3), lambda: 1)
    create_epoch(tmp_path / "epochs", 4, {})
    heartbeat.write()
    assert not (tmp_path / "heartbeat.json").exists()


def test_quiet_triggers_are_counted_beside_batches(tmp_path: Path) -> None:
    path, now = tmp_path / "heartbeat.json", [0]
    heartbeat = Heartbeat(path, {"epoch": 3}, Fence(tmp_path / "epochs", 3), lambda: now[0])

    def told() -> tuple[int, int]:
        heartbeat.write()
        said = json.loads(path.read_text())
        return said["idle_triggers"], said["quiet_triggers"]

    heartbeat.set_trigger(1_000)
    heartbeat.query_started()
    now[0] = 4_500
    assert told() == (3, 3)
    heartbeat.batch_started()
    assert told() == (0, 3)
    heartbeat.batch_done("logs", BatchDone(0, 1, 1, 0, {0: 1}, None))
    now[0] = 7_500
    assert told() == (2, 5)


@pytest.mark.parametrize(("content", "asked"), [("3", True), ("4", True), ("2", False), ("", False), ("x", False)])
def test_a_stop_is_for_the_epoch_it_names_and_those_before(tmp_path: Path, content: str, asked: bool) -> None:
    (tmp_path / "stop").write_text(content)
    assert stop_requested(tmp_path / "stop", 3) is asked


def test_a_lost_checkpoint_under_a_generation_with_batches_is_refused(tmp_path: Path) -> None:
    player = Player(tmp_path / "tables", small_spec())
    checkpoint = CheckpointLog(tmp_path / "checkpoint")
    require_checkpoint(read_last_row(player.tables), checkpoint, 1)
    player.play(log_line(1))
    with pytest.raises(StateLost, match="generation 1 has batches up to 0 in the ledger, its checkpoint ends at None"):
        require_checkpoint(read_last_row(player.tables), checkpoint, 1)
    require_checkpoint(read_last_row(player.tables), checkpoint, 2)


class Waiting:
    """An outlet that comes back from its step when it is told to."""

    def __init__(self) -> None:
        self.entered, self.goes_on = threading.Event(), threading.Event()

    def step(self) -> int:
        self.entered.set()
        assert self.goes_on.wait(60)
        return 0


class Failing:
    """Fails for the first times, and then has something to pass on once."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.left = 1

    def step(self) -> int:
        if self.times:
            self.times -= 1
            raise SendRefused("the broker did not take it", "look at its log")
        self.left, passed_on = 0, self.left
        return passed_on


def test_a_sink_that_fails_is_tried_again_and_stops_no_other(tmp_path: Path) -> None:
    failing, well, made, now, told = Failing(2), Failing(0), list[str](), [0], list[list[str]]()

    def make() -> Outlet:
        made.append("a")
        return failing

    troubles = Troubles(lambda: now[0], lambda known: told.append([each.part for each in known]))
    outlets = Outlets([Planned("a", make), Planned("b", lambda: well)], Fence(tmp_path, 1), troubles)
    outlets.stop()
    assert (failing.times, well.left, told) == (1, 0, [["a"]])
    assert outlets.step() == 0  # too early
    now[0] = 5_000
    assert outlets.step() == 0
    now[0] = 15_000
    assert outlets.step() == 1
    assert (made, told) == (["a"], [["a"], ["a"], []])


def test_a_sink_that_does_not_come_back_ends_the_driver(tmp_path: Path) -> None:
    now, waiting = [1000.0], Waiting()
    outlets = Outlets([Planned("a", lambda: waiting)], Fence(tmp_path, 1), Troubles(), lambda: now[0])
    assert waiting.entered.wait(60)
    now[0] += STUCK_S
    outlets.check()
    now[0] += 1
    with pytest.raises(TimeoutError, match="nothing was passed on to the sinks for 600 s"):
        outlets.check()
    waiting.goes_on.set()
    outlets.stop()


def test_a_superseded_driver_passes_nothing_on(tmp_path: Path) -> None:
    create_epoch(tmp_path, 2, {})
    waiting = Waiting()
    outlets = Outlets([Planned("a", lambda: waiting)], Fence(tmp_path, 1), Troubles())
    with pytest.raises(Superseded):
        outlets.stop()
    assert not waiting.entered.is_set()
