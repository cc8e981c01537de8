"""One value, and what each client is told of it; the password is told to nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.kafka_access import KafkaAccess, checked_servers
from tideline.kafka_client import AccessDenied, BrokerUnreachable

PLAIN = KafkaAccess("a:1,b:2")
SASL = KafkaAccess("a:1", "SASL_SSL", "SCRAM-SHA-256", "u", 'p"\\', ca_file="/ca.pem")


def test_a_client_of_python_gets_only_what_its_protocol_asks_for() -> None:
    assert PLAIN.client() == {"bootstrap_servers": ["a:1", "b:2"], "security_protocol": "PLAINTEXT"}
    assert SASL.client() == {
        "bootstrap_servers": ["a:1"],
        "security_protocol": "SASL_SSL",
        "ssl_cafile": "/ca.pem",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "u",
        "sasl_plain_password": 'p"\\',
    }


def test_spark_gets_the_same_as_options() -> None:
    assert PLAIN.spark() == {"kafka.bootstrap.servers": "a:1,b:2"}
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    assert SASL.spark() == {
        "kafka.bootstrap.servers": "a:1",
        "kafka.security.protocol": "SASL_SSL",
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.truststore.location": "/ca.pem",
        "kafka.sasl.mechanism": "SCRAM-SHA-256",
        "kafka.sasl.jaas.config": rf'{module} required username="u" password="p\"\\";',
    }


def test_spark_gets_a_certificate_and_its_key_as_text(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text(name)
    both = [str(tmp_path / name) for name in ("cert.pem", "key.pem")]
    access = KafkaAccess("a:1", "SSL", certificate_file=both[0], key_file=both[1])
    given = access.spark()
    assert (given["kafka.ssl.keystore.certificate.chain"], given["kafka.ssl.keystore.key"]) == ("cert.pem", "key.pem")
    (tmp_path / "key.pem").unlink()
    with pytest.raises(UserError, match=r"key\.pem"):
        access.spark()


def test_no_form_of_it_shows_the_password() -> None:
    refused = AccessDenied(SASL, ValueError("wrong")), BrokerUnreachable(SASL)
    assert 'p"' not in f"{SASL} {SASL!r} {refused[0]} {refused[1]}"
    assert (str(SASL), "user 'u'" in str(refused[0]), "by SASL_SSL" in str(refused[1])) == ("a:1", True, True)


def test_it_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "streams" / "s" / "kafka.json"
    SASL.save(file)
    assert (KafkaAccess.read(file), file.stat().st_mode & 0o777) == (SASL, 0o600)
    assert [found.name for found in file.parent.iterdir()] == ["kafka.json"]


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"server": "a:1"}'])
def test_what_was_not_kept_is_told(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "kafka.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=r"kafka\.json"):
        KafkaAccess.read(file)


@pytest.mark.parametrize("text", ["", "a", "a:", ":1", "a:0", "a:65536", "a:1,,b:2", "a:x"])
def test_what_is_no_server_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no server"):
        checked_servers(text)


def test_servers_lose_their_blanks() -> None:
    assert checked_servers(" a:1 , [::1]:2") == "a:1,[::1]:2"
