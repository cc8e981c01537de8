"""What every part of a spec is made of: models that refuse unknown keys, durations, names."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationInfo

from tideline.durations import UNIT, format_duration, parse_duration

NAME = r"^[a-z][a-z0-9_-]{0,62}$"
COLUMN = r"^[a-z][a-z0-9_]{0,62}$"
TOPIC = r"^[A-Za-z0-9._-]{1,249}$"
PYTHON_FILE = r"\.py$"

FROM_A_FILE: Final = {"from_a_file": True}
"""The validation context of values that a person wrote: there a bare number is no duration."""


def checked_duration(value: object, info: ValidationInfo) -> object:
    """Milliseconds of a duration as people write it; ValueError says what one looks like."""
    if isinstance(value, str):
        return parse_duration(value)
    if info.context == FROM_A_FILE:
        shown = value if isinstance(value, int | float) else "this"
        raise ValueError(f"{shown} is not a duration: {UNIT}")
    return value


Duration = Annotated[
    int, BeforeValidator(checked_duration), Field(ge=0), PlainSerializer(format_duration, return_type=str)
]
Whole = Annotated[int, Field(strict=True, le=2**63 - 1)]
"""A whole number that Kafka, Spark and the tables can hold; true is none."""
Name = Annotated[str, Field(pattern=NAME)]
Column = Annotated[str, Field(pattern=COLUMN)]


class Model(BaseModel):
    """A part of a spec: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
