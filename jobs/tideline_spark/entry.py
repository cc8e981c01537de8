"""What every job that spark-submit starts has in common: whose it is, and where its log goes."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from tideline.home import Home
from tideline.kafka_access import KafkaAccess


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


def log_to_output() -> None:
    """The launcher keeps what a job prints."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    for chatty in ("py4j", "kafka"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def leave(code: int) -> NoReturn:
    """Ends the process: the heartbeat has said all, nothing is left to unwind, and the keeper reads the code."""
    logging.shutdown()
    os._exit(code)
