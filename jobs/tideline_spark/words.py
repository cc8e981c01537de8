"""What the word counts of `jobs/basics` share: words, categories, and the table that they keep."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
from pyspark import RDD
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tideline.errors import UserError
from tideline.home import CHECKOUT
from tideline_spark.job import Job, current_job

WORD_COUNTS: Final = "word_counts"
"""The table: word (or category), count, and where counts are added to it, `at`: the end of their batch or window."""

OTHER: Final = "other"
_COUNTS: Final = pa.schema([("word", pa.string()), ("count", pa.int64())])
_AT: Final = pa.field("at", pa.timestamp("us", "UTC"))


def words_of(line: str) -> list[str]:
    """What white space parts."""
    return line.split()


def read_words(job: Job) -> DataFrame:
    """A row (timestamp of arrival, word) for each word that comes from the socket."""
    lines = (
        job.spark.readStream.format("socket")
        .option("host", job.text("host"))
        .option("port", job.whole("port"))
        .option("includeTimestamp", "true")
        .load()
    )
    words = lines.select("timestamp", F.explode(F.split("value", r"\s+")).alias("word"))
    return words.where("word != ''")


def read_categories(path: str) -> list[tuple[str, str]]:
    """The pairs (word, category) of a CSV file, by its path from the project's root; UserError when there is none."""
    file = CHECKOUT / path
    if not file.is_file():
        raise UserError(f"there is no file {file} of categories", "a CSV file with the columns word and category")
    with file.open(newline="") as rows:
        return [(row["word"], row["category"]) for row in csv.DictReader(rows)]


def replace_counts(counts: RDD[tuple[str, int]]) -> None:
    """For `foreachRDD`: makes these the counts of the running job's stream."""
    current_job().replace(WORD_COUNTS, _table(counts.collect()))


def append_counts(at: datetime, counts: RDD[tuple[str, int]]) -> None:
    """For `foreachRDD`: adds the counts of one batch or window to those of the running job's stream.

    `at` is local, as DStreams tell it.
    """
    found = counts.collect()
    if found:
        times = pa.array([at.astimezone(UTC)] * len(found), _AT.type)
        batch = round(at.timestamp())  # DStreams number none
        current_job().append(WORD_COUNTS, _table(found).append_column(_AT, times), batch)


def _table(counts: Iterable[tuple[str, int]]) -> pa.Table:
    return pa.Table.from_pylist([{"word": word, "count": count} for word, count in counts], _COUNTS)
