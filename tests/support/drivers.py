"""A stream's driver as it is started: a process that is told its stream, epoch and generation."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

import psutil

from support.records import CHECKOUT
from tideline.bench.place import clean_environment
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.keeper.epochs import create_epoch, tag_of
from tideline.keeper.heartbeat import Heartbeat, read_heartbeat
from tideline.logs.context import About
from tideline.logs.jvm import log4j_config, log4j_option
from tideline.platform.java import BRIEF
from tideline.platform.processes import end_all
from tideline.platform.session_environment import session_environment

NOBODY = KafkaAccess("127.0.0.1:9")
RUN_STREAM = "jobs/run_stream.py"


class DriverProcess:
    """One driver, of metrics or of a job; `spec` is as its file has it, with what a test needs changed."""

    def __init__(self, home: Home, spec: dict[str, Any], epoch: int = 1, kafka: KafkaAccess = NOBODY) -> None:
        self._stream = home.stream(spec["name"])
        self._stream.root.mkdir(parents=True, exist_ok=True)
        self._stream.spec.write_text(json.dumps(spec))
        kafka.save(self._stream.kafka)
        create_epoch(self._stream.epochs, epoch, {})
        home.logs.mkdir(parents=True, exist_ok=True)
        self.log = home.logs / f"{spec['name']}-e{epoch}.log"
        told = {
            "stream": spec["name"],
            "home": str(home.root),
            "epoch": str(epoch),
            "generation": "1",
            "tag": tag_of(spec["name"], epoch),
        }
        words = [word for name, value in told.items() for word in (f"--{name}", value)]
        environment = session_environment(home, BRIEF, clean_environment())
        configuration = spec.get("spark", {}).get("configuration", {})
        own = [word for pair in configuration.items() for word in ("--conf", "=".join(pair))]
        environment["PYSPARK_SUBMIT_ARGS"] = f"{shlex.join(own)} {environment['PYSPARK_SUBMIT_ARGS']}"
        config = self._stream.root / f"log4j2-e{epoch}.properties"
        config.write_text(log4j_config(About(spec["name"], 1, epoch)))
        environment["JDK_JAVA_OPTIONS"] = log4j_option(config)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(CHECKOUT / spec.get("entrypoint", RUN_STREAM)), *words],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=CHECKOUT,
                start_new_session=True,
            )

    def heartbeat(self) -> Heartbeat | None:
        return read_heartbeat(self._stream.heartbeat)

    def stop(self) -> int:
        """Asks it to stop, and waits; its exit code."""
        self._stream.stop_request.write_text("1000")
        return self.process.wait(60)

    def kill(self) -> None:
        """kill -9 for Python, the JVM and its workers."""
        family = self._family()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        end_all(family, seconds=0)
        self.process.wait()

    def close(self) -> None:
        end_all(self._family(), seconds=2)
        self.process.wait()

    def _family(self) -> list[psutil.Process]:
        with suppress(psutil.Error):
            leader = psutil.Process(self.process.pid)
            return [leader, *leader.children(recursive=True)]
        return []
