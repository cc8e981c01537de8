"""A broker that asks for a name and a password: every way in works with them, and none without."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from typer.testing import CliRunner

from support.records import log_line, small_spec
from support.secured_broker import PASSWORD, access_to, secured_broker
from support.stream_run import StreamRun, counts, setting
from tideline.cli.main import app
from tideline.errors import UserError
from tideline.home import Home
from tideline.kafka_access import REDACTED, KafkaAccess
from tideline.kafka_client import AccessDenied, admin, consumer
from tideline.kafka_file import parse_kafka
from tideline.kafka_io import end_offsets
from tideline.kafka_topics import make_missing
from tideline.kafka_transactions import Cursor, Record, TransactionalSender
from tideline.produce.sender import Sender
from tideline_spark.late_reads import read_round
from tideline_spark.plan import read_topic

MECHANISMS = ("PLAIN", "SCRAM-SHA-256")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with secured_broker(tmp_path_factory.mktemp("secured") / "home") as found:
        yield found


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_stream_runs_and_is_verified(spark: SparkSession, address: str, mechanism: str, tmp_path: Path) -> None:
    spec = small_spec()
    own = spec.model_copy(update={"source": spec.source.model_copy(update={"topic": mechanism})})
    run = StreamRun(spark, access_to(address, mechanism), Home(tmp_path), own)
    with run.driver() as query:
        run.feed(query, log_line(5), log_line(6), log_line(100))
    assert counts(run)[0, "a"] == 2
    assert run.verify().holds
    assert read_round(spark, run.kafka, own, {0: (0, 2)}).count() == 2
    with TransactionalSender(run.kafka, mechanism, 60_000) as sender:
        assert sender.send(mechanism, [Record(log_line(101), partition=0)], "group", Cursor(1)) == 1
        assert sender.cursor("group", mechanism) == Cursor(1)


def test_no_plan_shows_the_password(spark: SparkSession, address: str) -> None:
    kafka = access_to(address, "PLAIN")
    with Sender(kafka, "small", 1) as sender:
        sender.send(log_line(1))
    with setting(spark, "spark.sql.redaction.options.regex", REDACTED):
        stream = read_topic(spark, small_spec(), kafka)._jdf.queryExecution().toString()
        batch = read_round(spark, kafka, small_spec(), {0: (0, 1)})._jdf.queryExecution().toString()
    assert f"kafka.bootstrap.servers={address}" in stream
    assert "kafka.sasl.jaas.config=*********(redacted)" in stream
    assert "pass" not in stream + batch


def in_with(opened: Callable[[KafkaAccess], Any]) -> Callable[[KafkaAccess], object]:
    def enter(kafka: KafkaAccess) -> None:
        with ExitStack() as stack:
            stack.enter_context(opened(kafka))

    return enter


@pytest.mark.parametrize(
    ("mechanism", "way"),
    [
        ("PLAIN", in_with(admin)),
        ("PLAIN", in_with(lambda kafka: consumer(kafka, "read_committed"))),
        ("PLAIN", in_with(lambda kafka: Sender(kafka, "small"))),
        ("PLAIN", lambda kafka: TransactionalSender(kafka, "nobody", 60_000)),
        ("SCRAM-SHA-256", lambda kafka: end_offsets(kafka, "small")),
    ],
    ids=["admin", "consumer", "sender", "transactions", "offsets"],
)
def test_a_wrong_password_is_told(address: str, mechanism: str, way: Callable[[KafkaAccess], object]) -> None:
    with pytest.raises(AccessDenied, match="does not let user 'tideline' in") as error:
        way(access_to(address, mechanism, "wrong"))
    assert (address in error.value.message, "wrong" in error.value.message) == (True, False)
    assert "docs/configuration.md" in error.value.fix


def test_the_declared_topics_are_made_and_grow(address: str, tmp_path: Path) -> None:
    file = tmp_path / "kafka.yaml"
    environ = {
        "TIDELINE_KAFKA": str(file),
        "TIDELINE_HOME": str(tmp_path),
        "TIDELINE_KAFKA_SERVERS": address,
        "TIDELINE_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "TIDELINE_KAFKA_MECHANISM": "PLAIN",
        "TIDELINE_KAFKA_USERNAME": "tideline",
        "TIDELINE_KAFKA_PASSWORD": PASSWORD,
    }

    def topics(declared: str, *options: str) -> tuple[int, list[tuple[str, str]]]:
        file.write_text(f"topics: {{declared: {declared}}}")
        done = CliRunner(env=environ).invoke(app, ["topics", "--json", *options])
        said = json.loads(done.stdout)
        assert said["holds"] is (done.exit_code == 0)
        return done.exit_code, [(each["what"], each["act"]) for each in said["differences"]]

    first = "{partitions: 2, retention: 1 day, replication: 1, compact: false}"
    assert topics(first) == (1, [("topic", "make")])
    assert topics(first, "--apply") == (0, [])
    larger = "{partitions: 4, retention: 2 days}"
    assert topics(larger) == (1, [("partitions", "grow"), ("retention", "keep longer")])
    assert topics(larger, "--apply") == (0, [])
    assert topics(first, "--apply") == (1, [("partitions", "leave"), ("retention", "leave")])
    assert len(end_offsets(access_to(address, "PLAIN"), "declared")) == 4


def test_what_the_broker_cannot_make_is_told(address: str) -> None:
    declared = parse_kafka("topics: {many: {replication: 3}}", "k.yaml").topics
    with pytest.raises(UserError, match="does not make topic 'many'"):
        make_missing(access_to(address, "PLAIN"), declared)
