"""Words of a TCP socket, counted batch by batch with DStreams.

DStreams are deprecated and still shipped; `word_count.py` is the same with Structured Streaming.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from operator import add

from pyspark import RDD
from pyspark.streaming import StreamingContext

from tideline_spark.job import Job, run_job
from tideline_spark.words import append_counts, words_of


def main(job: Job) -> None:
    run = partial(define, host=job.text("host"), port=job.whole("port"))
    job.run_dstreams(run)


def define(context: StreamingContext, host: str, port: int) -> None:
    lines = context.socketTextStream(host, port)
    counts = lines.flatMap(words_of).map(lambda word: (word, 1)).reduceByKey(add)
    counts.pprint()
    counts.foreachRDD(keep)


def keep(at: datetime, counts: RDD[tuple[str, int]]) -> None:
    append_counts(at, counts.collect())


if __name__ == "__main__":
    run_job(main)
