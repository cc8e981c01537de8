"""What every job that spark-submit starts has in common: whose it is, and where its log goes."""

from __future__ import annotations

import argparse
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.logs.context import About
from tideline.logs.format import log_as_json


@dataclass(frozen=True)
class JobArguments:
    """The command line of a job of one stream."""

    stream: str
    home: Path

    @cached_property
    def kafka(self) -> KafkaAccess:
        """As it was said at the job's launch, in a file that only its owner can read."""
        return KafkaAccess.read(Home(self.home).stream(self.stream).kafka)


def job_parser(program: str, description: str | None) -> argparse.ArgumentParser:
    """A parser of `JobArguments`, to which a job adds its own."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--stream", required=True)
    parser.add_argument("--home", required=True, type=Path)
    return parser


def log_to_output(about: About) -> None:
    """The launcher keeps what a job prints: lines of JSON, each of which says what the whole process is about."""
    log_as_json(about, _output())


def _output() -> int:
    """The descriptor to write lines to. What the Python of spark-submit prints its JVM passes on in pieces of a
    kilobyte, and may print in between; its own output takes a line as a whole."""
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        with suppress(OSError):
            return os.open(f"/proc/{os.getppid()}/fd/1", os.O_WRONLY | os.O_APPEND)
    return 1


def leave(code: int) -> NoReturn:
    """Ends the process: the heartbeat has said all, nothing is left to unwind, and the keeper reads the code."""
    logging.shutdown()
    os._exit(code)
