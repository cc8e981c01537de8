"""Where published rows go beside their tables: to a person's eyes, or to a topic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tideline.spec.parts import TOPIC, Column, Model, Whole


class ConsoleSink(Model):
    """Prints rows in the driver's log, at most `rows` at a time, for trying out.

    `update`: those that changed. `append`: those of closed windows, and again when a correction changes them.
    `complete`: the whole table whenever something in it changed.
    """

    to: Literal["console"]
    mode: Literal["append", "update", "complete"] = "update"
    metrics: tuple[Column, ...] = ()
    rows: Annotated[Whole, Field(ge=1)] = 20


class KafkaSink(Model):
    """Sends rows to a topic, which is made if it is not there; `append` and `update` as for the console."""

    to: Literal["kafka"]
    topic: Annotated[str, Field(pattern=TOPIC)]
    mode: Literal["append", "update"] = "update"
    metrics: tuple[Column, ...] = ()


AnySink = ConsoleSink | KafkaSink
Sink = Annotated[AnySink, Field(discriminator="to")]
