"""Reads how Kafka is reached and its topics, and says all that is wrong with the file, each with its place in it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tideline.home import CHECKOUT
from tideline.spec.file_text import file_text
from tideline.spec.problems import Problem, SpecError

if TYPE_CHECKING:
    from tideline.spec.kafka import KafkaFile

VARIABLE: Final = "TIDELINE_KAFKA"
_PASSWORD: Final = re.compile(r"""(password["']?[ \t]*:[ \t]*)([^{\s][^\n]*)""")


def kafka_file(environ: Mapping[str, str] = os.environ) -> Path:
    """`TIDELINE_KAFKA`, by default `include/kafka.yaml` of the checkout."""
    return Path(environ.get(VARIABLE) or CHECKOUT / "include" / "kafka.yaml")


def load_kafka(path: Path) -> KafkaFile:
    """SpecError names every problem of the file, UserError says that it cannot be read."""
    shown = str(path)
    return parse_kafka(file_text(path, shown, f"put it back, or set {VARIABLE} to another file"), shown)


def parse_kafka(text: str, name: str) -> KafkaFile:
    """`name` is what its problems call the text."""
    from pydantic import ValidationError

    from tideline.spec.kafka import KafkaFile
    from tideline.spec.model_errors import model_problems
    from tideline.spec.parts import FROM_A_FILE
    from tideline.spec.yaml_text import read_yaml

    read, shown = read_yaml(text), _covered(text)
    if isinstance(read, Problem):
        raise SpecError(name, shown, [read])
    if not isinstance(read.data, dict):
        hint = "such as `topics: {logs: {partitions: 3}}`"
        raise SpecError(name, shown, [read.at_value((), "this file is keys with values", hint)])
    problems = list(read.doubled_keys())
    try:
        found = KafkaFile.model_validate(read.data, context=FROM_A_FILE)
    except ValidationError as error:
        problems += model_problems(error, read, told=False, model=KafkaFile)
        raise SpecError(name, shown, problems) from None
    if problems:
        raise SpecError(name, shown, problems)
    return found


def _covered(text: str) -> str:
    """A problem is shown with its line, perhaps in a log: a password that stands there after all is covered."""
    return _PASSWORD.sub(lambda found: found[1] + "*" * len(found[2]), text)
