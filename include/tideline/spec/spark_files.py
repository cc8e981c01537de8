"""The files that a spec's `spark` adds to its driver, by their paths from the project's root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from tideline.errors import UserError
from tideline.home import CHECKOUT
from tideline.spec.model import Driven
from tideline.spec.problems import Problem, nearest
from tideline.spec.yaml_text import Text

Key = Literal["jars", "py_files"]
KEYS: Final[tuple[Key, ...]] = ("jars", "py_files")


def spark_files(spec: Driven, key: Key) -> list[Path]:
    """The files of a key; UserError for one that is not there."""
    files = [CHECKOUT / name for name in getattr(spec.spark, key)]
    for file in files:
        if not file.is_file():
            raise UserError(f"stream '{spec.name}' names {file} in spark.{key}: there is no such file", "mend the path")
    return files


def require_spark_files(spec: Driven) -> None:
    """UserError where one of the files is not there: the driver could not be started."""
    for key in KEYS:
        spark_files(spec, key)


def spark_file_problems(spec: Driven, text: Text) -> Iterator[Problem]:
    """Each file that is not there, at its place in the spec."""
    for key in KEYS:
        for place, name in enumerate(getattr(spec.spark, key)):
            if not (CHECKOUT / name).is_file():
                yield text.at_value(("spark", key, place), f"there is no file {name}", _hint(name))


def _hint(name: str) -> str:
    there = (CHECKOUT / name).parent.glob(f"*{Path(name).suffix}")
    near = nearest(name, (str(Path(name).with_name(file.name)) for file in there))
    return f"did you mean '{near}'?" if near else "write its path from the project's root"
