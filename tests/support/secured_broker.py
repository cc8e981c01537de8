"""A real broker that lets nobody in without a name and a password, beside the platform's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from support.platform import jars
from tideline.bench.place import free_ports
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.kafka_client import admin
from tideline.platform import broker
from tideline.platform.java import find_java
from tideline.platform.waiting import wait_until
from tideline.settings import HOST, Settings

USER: Final = "tideline"
PASSWORD: Final = 'pass "word'
_IN_PROPERTIES: Final = PASSWORD.replace('"', r"\\\"")
"""Escaped for Java's text in quotes, and that once more for a file of properties."""


def access_to(servers: str, mechanism: str, password: str = PASSWORD) -> KafkaAccess:
    return KafkaAccess(servers, "SASL_PLAINTEXT", mechanism, USER, password)


@contextmanager
def secured_broker(folder: Path) -> Iterator[str]:
    """The address of its listener of SASL_PLAINTEXT, which takes PLAIN and SCRAM-SHA-256."""
    home, ports = Home(folder), free_ports()
    settings, java = Settings(ports), find_java(home)
    home.root.mkdir(parents=True)
    (home.root / "jars").symlink_to(jars())
    address = f"{HOST}:{ports.api}"  # of the free ports, one that no broker uses
    broker.prepare(home, settings, java)
    file = broker.folder(home) / "server.properties"
    file.write_text(file.read_text() + _lines(address, ports.broker, ports.controller))
    with (folder / "broker.log").open("wb") as log:
        command = broker.program(home, java).command
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env={"PATH": os.environ["PATH"]})
    try:
        assert wait_until(lambda: broker.answers(settings), 120.0), f"no broker: read {folder}/broker.log"
        with admin(settings.kafka) as client:
            client.alter_user_scram_credentials(
                [UserScramCredentialUpsertion(USER, ScramMechanism.SCRAM_SHA_256, PASSWORD, 4096)]
            )
        yield address
    finally:
        process.kill()
        process.wait()


def _lines(address: str, open_port: int, controller: int) -> str:
    """What is written last holds: the broker's own listener stays as it was, clients have another."""
    login = "org.apache.kafka.common.security"
    return (
        f"listeners=PLAINTEXT://{HOST}:{open_port},CONTROLLER://{HOST}:{controller},SASL_PLAINTEXT://{address}\n"
        f"advertised.listeners=PLAINTEXT://{HOST}:{open_port},SASL_PLAINTEXT://{address}\n"
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT\n"
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256\n"
        "listener.name.sasl_plaintext.plain.sasl.jaas.config="
        f'{login}.plain.PlainLoginModule required user_{USER}="{_IN_PROPERTIES}";\n'
        f"listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;\n"
    )
