"""Who decides how Kafka is reached: the environment, then Airflow's connection, then the file, then the default."""

from __future__ import annotations

from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.kafka_layers import KEYS, VARIABLES
from tideline.settings import Settings

FILE = """
servers: [file-1:1, file-2:2]
security:
  protocol: SASL_SSL
  mechanism: SCRAM-SHA-512
  username: of-file
  password: {variable: TIDELINE_ITS_PASSWORD}
  ca_file: ca.pem
"""
BY_FILE = {"TIDELINE_ITS_PASSWORD": "of-file-too"}
EACH = {
    "servers": ("env:1", "connection:1"),
    "protocol": ("SASL_PLAINTEXT", "PLAINTEXT"),
    "mechanism": ("PLAIN", "SCRAM-SHA-256"),
    "username": ("of-env", "of-connection"),
    "password": ("env-secret", "connection-secret"),
    "ca_file": ("/env.pem", "/connection.pem"),
    "certificate_file": ("/env-c.pem", "/connection-c.pem"),
    "key_file": ("/env-k.pem", "/connection-k.pem"),
}


def with_file(folder: Path, text: str, **environ: str) -> Settings:
    file = folder / "kafka.yaml"
    file.write_text(text)
    return Settings.load(Home(folder), {"TIDELINE_KAFKA": str(file), **BY_FILE, **environ})


def test_without_anything_it_is_the_broker_of_this_machine(tmp_path: Path) -> None:
    settings = with_file(tmp_path, "topics: {}", TIDELINE_BROKER_PORT="4711")
    assert settings.kafka == KafkaAccess("127.0.0.1:4711")
    assert settings.elsewhere == frozenset()


def test_the_file_decides_where_nobody_else_does(tmp_path: Path) -> None:
    settings = with_file(tmp_path, FILE)
    expected = KafkaAccess("file-1:1,file-2:2", "SASL_SSL", "SCRAM-SHA-512", "of-file", "of-file-too")
    assert settings.kafka == KafkaAccess(**{**vars(expected), "ca_file": str(tmp_path / "ca.pem")})
    assert settings.elsewhere == {"broker"}


@pytest.mark.parametrize("name", EACH)
def test_each_setting_is_the_environments_then_the_connections(tmp_path: Path, name: str) -> None:
    by_environment, by_connection = EACH[name]
    extra = {KEYS[name]: by_connection, "group.id": "of-others"}
    alone = with_file(tmp_path, FILE)
    both = with_file(tmp_path, FILE, **{VARIABLES[name]: by_environment})
    assert getattr(alone.kafka_by(extra), name) == by_connection
    assert getattr(both.kafka_by(extra), name) == by_environment
    assert both.kafka_by({}) == both.kafka


def test_a_variable_that_is_empty_says_nothing(tmp_path: Path) -> None:
    settings = with_file(tmp_path, FILE, **dict.fromkeys(VARIABLES.values(), ""))
    assert settings.kafka == with_file(tmp_path, FILE).kafka


def test_a_password_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of a file\nnot this\n")
    by_file = FILE.replace("{variable: TIDELINE_ITS_PASSWORD}", "{file: secret}")
    assert with_file(tmp_path, by_file).kafka.password == "of a file"
    by_environment = with_file(tmp_path, FILE, TIDELINE_KAFKA_PASSWORD_FILE=str(tmp_path / "secret"))
    assert by_environment.kafka.password == "of a file"


def test_a_password_of_the_file_is_not_missed_where_another_goes_before_it(tmp_path: Path) -> None:
    settings = with_file(tmp_path, FILE, TIDELINE_ITS_PASSWORD="", TIDELINE_KAFKA_PASSWORD="x")
    assert settings.kafka.password == "x"


@pytest.mark.parametrize(
    ("variables", "named", "fix"),
    [
        ({"TIDELINE_KAFKA_SERVERS": "kafka"}, "TIDELINE_KAFKA_SERVERS", "such as kafka-1:9092"),
        ({"TIDELINE_KAFKA_SECURITY_PROTOCOL": "sasl"}, "TIDELINE_KAFKA_SECURITY_PROTOCOL is 'sasl'", "SASL_SSL"),
        ({"TIDELINE_KAFKA_MECHANISM": "GSSAPI"}, "TIDELINE_KAFKA_MECHANISM is 'GSSAPI'", "SCRAM-SHA-512"),
        ({"TIDELINE_KAFKA_CA_FILE": "ca.pem"}, "TIDELINE_KAFKA_CA_FILE is 'ca.pem'", "begins with /"),
        ({"TIDELINE_ITS_PASSWORD": ""}, "takes the password from TIDELINE_ITS_PASSWORD", "set TIDELINE_ITS_PASSWORD"),
        ({"TIDELINE_KAFKA_PASSWORD_FILE": "/no/such"}, "TIDELINE_KAFKA_PASSWORD_FILE names /no/such", "password"),
    ],
)
def test_what_is_wrong_is_told_by_its_own_name(tmp_path: Path, variables: dict[str, str], named: str, fix: str) -> None:
    with pytest.raises(UserError) as error:
        _ = with_file(tmp_path, FILE, **variables).kafka
    assert named in error.value.message
    assert fix in error.value.fix


def test_the_connection_is_named_where_it_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"security\.protocol of the connection tideline_kafka is 'X'"):
        with_file(tmp_path, FILE).kafka_by({"security.protocol": "X"})


@pytest.mark.parametrize("lacking", ["mechanism", "username", "password"])
def test_sasl_wants_all_three(tmp_path: Path, lacking: str) -> None:
    text = "\n".join(line for line in FILE.splitlines() if lacking not in line)
    with pytest.raises(UserError, match=f"there is no {lacking} for it") as error:
        _ = with_file(tmp_path, text).kafka
    assert VARIABLES[lacking] in error.value.fix


def test_the_broker_of_this_machine_has_no_security(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="which the broker of this machine has not"):
        _ = with_file(tmp_path, "\n".join(FILE.splitlines()[2:])).kafka


def test_settings_can_be_read_while_the_file_is_wrong(tmp_path: Path) -> None:
    assert with_file(tmp_path, "servers: 3").api_url == "http://127.0.0.1:18080"
