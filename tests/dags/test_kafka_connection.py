"""Airflow's connection says how Kafka is reached, after the environment and before the file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline_airflow.kafka_connection import extra_of

ASK = "from tideline_airflow.installation import Installation; k = Installation.from_env().kafka; print(k.servers)"


def asked(folder: Path, **variables: str) -> str:
    """The servers, by a process of its own: Airflow keeps what it was told of connections."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("TIDELINE_", "AIRFLOW_"))}
    environ |= {"TIDELINE_HOME": str(folder), "AIRFLOW_HOME": str(folder), **variables}
    done = subprocess.run([sys.executable, "-c", ASK], env=environ, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_the_connection_goes_before_the_file_and_after_the_environment(tmp_path: Path) -> None:
    (tmp_path / "kafka.yaml").write_text("servers: of-file:1")
    file = {"TIDELINE_KAFKA": str(tmp_path / "kafka.yaml")}
    extra = {"bootstrap.servers": "of-connection:1", "group.id": "of-others"}
    connection = {"AIRFLOW_CONN_TIDELINE_KAFKA": json.dumps({"conn_type": "kafka", "extra": extra})}
    assert asked(tmp_path, **file, **connection) == "of-connection:1"
    assert asked(tmp_path, **file, **connection, TIDELINE_KAFKA_SERVERS="of-environment:1") == "of-environment:1"


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "sasl.password=hunter2"])
def test_an_extra_that_is_no_object_is_told_and_not_shown(text: str) -> None:
    with pytest.raises(UserError, match="the connection tideline_kafka is no JSON object") as error:
        extra_of(text)
    assert "hunter2" not in error.value.message


@pytest.mark.parametrize("text", [None, "", "{}"])
def test_a_connection_without_an_extra_says_nothing(text: str | None) -> None:
    assert extra_of(text) == {}
