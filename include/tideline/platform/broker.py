"""A Kafka broker of one node, its own controller, from Maven's jars."""

from __future__ import annotations

import base64
import subprocess
import uuid
from pathlib import Path
from typing import Final

from tideline.errors import UserError
from tideline.home import Home
from tideline.platform.java import JavaHome
from tideline.platform.ports import accepts
from tideline.platform.supervisor_conf import Program
from tideline.private_files import write_private
from tideline.settings import HOST, Settings

_LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSSX}{UTC} %p %c{1}: %m%n
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""
_ID_LENGTH: Final = 22


def program(home: Home, java: JavaHome) -> Program:
    """The broker; its heap is small because the log lives in the page cache."""
    return Program(
        name="broker",
        command=(*_java(home, java, "-Xms256m", "-Xmx512m"), "kafka.Kafka", str(folder(home) / "server.properties")),
        log=home.logs / "broker.log",
        directory=folder(home),
        stop_seconds=20,
    )


def prepare(home: Home, settings: Settings, java: JavaHome) -> None:
    """Writes the broker's files and, once, formats its log."""
    place = folder(home)
    place.mkdir(parents=True, exist_ok=True)
    (place / "log4j2.properties").write_text(_LOGGING)
    (place / "server.properties").write_text(properties(settings, place / "data"))
    if not (place / "data" / "meta.properties").exists():
        _format(home, java)


def properties(settings: Settings, data: Path) -> str:
    """The broker's settings: loopback only, no topic by accident, nothing removed by age."""
    broker, controller = f"{HOST}:{settings.ports.broker}", f"{HOST}:{settings.ports.controller}"
    lines = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        # Retention goes by the record's own timestamp: old events, sent today, would be gone tomorrow.
        "log.retention.ms": "-1",
        "log.retention.bytes": "-1",
        "group.initial.rebalance.delay.ms": "0",
        "num.partitions": "3",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        # A stream may be quiet, or stopped, for longer than the seven days after which its cursors would be forgotten.
        "offsets.retention.minutes": "525600",
        "transactional.id.expiration.ms": "2073600000",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def answers(settings: Settings) -> bool:
    """Whether the broker lists its topics, which it does only once it has joined its own cluster."""
    if "broker" not in settings.elsewhere and not accepts(settings.ports.broker):
        return False
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    try:
        admin = KafkaAdminClient(**settings.kafka.client(), request_timeout_ms=5_000)
    except KafkaError:
        return False
    try:
        admin.list_topics()
    except KafkaError:
        return False
    finally:
        admin.close()
    return True


def folder(home: Home) -> Path:
    return home.root / "broker"


def cluster_id(source: uuid.UUID) -> str:
    """Kafka's form of an id, 22 characters of base 64; one that began with a dash would be read as an option."""
    text = base64.urlsafe_b64encode(source.bytes).decode().rstrip("=")
    return "A" + text[1:] if text.startswith("-") else text


def kept_cluster_id(home: Home) -> str:
    """It is kept apart from the log, so that a format cut short is repeated with the same id; what is no whole id, as a
    full disk leaves it, is made anew."""
    kept = folder(home) / "cluster.id"
    text = kept.read_text(errors="replace").strip() if kept.exists() else ""
    if len(text) != _ID_LENGTH:
        text = cluster_id(uuid.uuid4())
        write_private(kept, f"{text}\n")
    return text


def _format(home: Home, java: JavaHome) -> None:
    command = [*_java(home, java), "kafka.tools.StorageTool", "format", "--ignore-formatted"]
    command += ["-t", kept_cluster_id(home), "-c", str(folder(home) / "server.properties")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UserError(f"the broker's log cannot be formatted: {said[-1] if said else ''}", f"look at {folder(home)}")


def _java(home: Home, java: JavaHome, *options: str) -> tuple[str, ...]:
    logging = f"-Dlog4j2.configurationFile={folder(home) / 'log4j2.properties'}"
    return (str(java.java), *options, logging, "-cp", str(home.jars("broker") / "*"))
