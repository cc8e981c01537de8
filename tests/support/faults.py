"""Kills a driver of a test at a stated point of its batch: an exception there, and nothing of it is cleaned up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tideline.checkpoint import CheckpointLog, OffsetEntry
from tideline.tables.schemas import StreamTables


class Killed(Exception):
    """The driver dies here."""


class Point(StrEnum):
    """Where in its batch a driver is killed, from its first step to its last."""

    OFFSETS = "after offsets/N"
    PLAN = "in the plan"
    BEFORE_COMMIT = "before the table commit"
    AFTER_COMMIT = "after the table commit, before publication"
    BEFORE_LOG = "after publication, before commits/N"
    AFTER_LOG = "after commits/N, before the progress event"


def die(point: Point) -> None:
    raise Killed(str(point))


@dataclass
class Faults:
    """The point at which the next batch is struck, once and by default dead; None never is."""

    point: Point | None = None
    act: Callable[[Point], None] = die

    def strike(self, point: Point) -> None:
        if self.point is point:
            self.point = None
            self.act(point)

    def in_plan(self, groups: DataFrame) -> DataFrame:
        """The batch, which a task fails in if the point is the plan."""
        if self.point is not Point.PLAN:
            return groups
        self.point = None
        return groups.withColumn("events", F.raise_error(F.lit(f"{Killed.__name__}: {Point.PLAN}")).cast("bigint"))


class FaultyCheckpoint(CheckpointLog):
    """The sink reads it when the batch is computed and not yet committed."""

    def __init__(self, folder: Path, faults: Faults) -> None:
        super().__init__(folder)
        self._faults = faults

    def offsets(self, batch: int) -> OffsetEntry | None:
        self._faults.strike(Point.BEFORE_COMMIT)
        return super().offsets(batch)


@dataclass(frozen=True)
class FaultyTables(StreamTables):
    """The sink asks for a published table's place when the batch is committed."""

    faults: Faults

    def published(self, metric: str) -> Path:
        self.faults.strike(Point.AFTER_COMMIT)
        return super().published(metric)
