"""Words of a TCP socket, counted since the stream began with DStreams.

The counts live in the checkpoint, and what was received in the write-ahead log (`spark.configuration` of the spec), so
a killed driver goes on where it was. `running_count.py` is the same with Structured Streaming.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.streaming import StreamingContext

from tideline_spark.job import Job, run_job
from tideline_spark.words import replace_counts, words_of


def main(job: Job) -> None:
    run = partial(define, host=job.text("host"), port=job.whole("port"))
    job.run_dstreams(run)


def define(context: StreamingContext, host: str, port: int) -> None:
    ones = context.socketTextStream(host, port).flatMap(words_of).map(lambda word: (word, 1))
    counts = ones.updateStateByKey(grown)
    counts.pprint()
    counts.foreachRDD(replace_counts)


def grown(new: Sequence[int], known: int | None) -> int:
    return sum(new) + (known or 0)


if __name__ == "__main__":
    run_job(main)
