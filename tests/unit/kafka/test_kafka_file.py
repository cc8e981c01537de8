"""What is wrong with `kafka.yaml` is told with its place, and no password is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.home import CHECKOUT
from tideline.kafka_file import kafka_file, load_kafka, parse_kafka
from tideline.spec.problems import SpecError


def test_the_file_that_comes_along_is_right() -> None:
    found = load_kafka(CHECKOUT / "include" / "kafka.yaml")
    assert (found.servers, set(found.topics)) == (None, {"logs", "user-events"})
    logs = found.topics["logs"]
    assert (logs.partitions, logs.retention, logs.cleanup_policy) == (3, 7 * 86_400_000, "delete")


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("topics: {logs: {partition: 3}}", "k.yaml:1:17: ", "did you mean 'partitions'?"),
        ("topics: {logs: {partitions: 0}}", "k.yaml:1:29: ", "write at least 1"),
        ("topics: {logs: {retention: 7}}", "k.yaml:1:28: ", "7 is not a duration"),
        ("topics: {logs: {retention: 0 days}}", "k.yaml:1:28: ", "nothing would be kept"),
        ("topics: {logs: {compact: maybe}}", "k.yaml:1:26: ", "true or false"),
        ("topics: {my logs: {}}", "k.yaml:1:10: ", "'my logs' is no name for a topic"),
        ("servers: kafka-1", "k.yaml:1:10: ", "such as kafka-1:9092"),
        ("servers: [a:1, b:70000]", "k.yaml:1:10: ", "'b:70000' is no server"),
        ("security: {protocol: SASL}", "k.yaml:1:22: ", "'SASL_PLAINTEXT'"),
        ("security: {protocol: SSL, mechanism: PLAIN}", "k.yaml:1:11: ", "SSL asks for no mechanism"),
        ("security: {protocol: SASL_PLAINTEXT, ca_file: ca.pem}", "k.yaml:1:11: ", "reads no ca_file"),
        ("security: {protocol: SSL, key_file: k.pem}", "k.yaml:1:11: ", "`certificate_file:` too"),
        ("security: {protocol: SASL_SSL, password: {}}", "k.yaml:1:42: ", "a password is in one place"),
        ("security: {protocol: SASL_SSL, password: {variable: PW}}", "k.yaml:1:53: ", "'PW' is no variable"),
        ("servers: a:1\nservers: b:1", "k.yaml:2:1: ", "stands twice"),
        ("topics: [logs]", "k.yaml:1:9: ", "a mapping of keys to values"),
        ("logs", "k.yaml:1:1: ", "keys with values"),
    ],
)
def test_each_problem_has_its_place_and_a_way_out(text: str, place: str, said: str) -> None:
    with pytest.raises(SpecError) as error:
        parse_kafka(text, "k.yaml")
    assert place in error.value.message
    assert said in error.value.message


@pytest.mark.parametrize(
    "text", ["password: hunter2", "password: 'hunter2'", '"password" : hunter2', "password: [hunter2"]
)
def test_a_password_that_stands_there_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(SpecError) as error:
        parse_kafka(f"security:\n  protocol: SASL_SSL\n  {text}", "k.yaml")
    assert "hunter2" not in error.value.message
    assert "password" in error.value.message


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("{}", None),
        ("{compact: false}", "delete"),
        ("{compact: true}", "compact"),
        ("{compact: true, retention: forever}", "compact"),
        ("{compact: true, retention: 1 day}", "compact,delete"),
    ],
)
def test_a_topics_policy_follows_from_compact_and_retention(text: str, policy: str | None) -> None:
    assert parse_kafka(f"topics: {{t: {text}}}", "k.yaml").topics["t"].cleanup_policy == policy


def test_the_environment_names_another_file(tmp_path: Path) -> None:
    absent = tmp_path / "none.yaml"
    assert kafka_file({"TIDELINE_KAFKA": str(absent)}) == absent
    with pytest.raises(UserError, match=r"none\.yaml") as error:
        load_kafka(absent)
    assert "TIDELINE_KAFKA" in error.value.fix
