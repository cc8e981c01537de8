"""A stream whose driver runs a person's own Spark job: an entrypoint in place of source and metrics."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from tideline.home import CHECKOUT
from tideline.spec.model import Driven, StreamSpec
from tideline.spec.parts import PYTHON_FILE, TOPIC

ENTRYPOINT: Final = "entrypoint"
"""The key that makes a spec one of a job."""

PARTITIONS: Final = 3
"""Of a job's topic, where it has to be made."""

Argument = str | bool | int | float


def _is_plain(value: object) -> object:
    if not isinstance(value, Argument):
        raise ValueError("an argument is a text, a number, true or false: write it as one of these")
    return value


class JobSpec(Driven):
    """A stream of a job: the file that spark-submit runs, and what it is told.

    `entrypoint` is a path from the project's root. `topic` is the Kafka topic whose end tells the backlog, if the job
    reads one.
    """

    entrypoint: Annotated[str, Field(pattern=PYTHON_FILE)]
    arguments: dict[str, Annotated[Any, AfterValidator(_is_plain)]] = Field(default={})
    topic: Annotated[str, Field(pattern=TOPIC)] | None = None

    def fingerprint(self) -> str:
        """Changes when the old checkpoint cannot be gone on with: the job is another file. 16 hex digits."""
        return hashlib.sha256(f"{ENTRYPOINT}:{self.entrypoint}".encode()).hexdigest()[:16]


Spec = StreamSpec | JobSpec


def entrypoints() -> list[str]:
    """The files that can be entrypoints, as a spec names them."""
    found = (path.relative_to(CHECKOUT) for path in (CHECKOUT / "jobs").rglob("*.py"))
    return sorted(str(path) for path in found if path.parts[1] != "tideline_spark")
