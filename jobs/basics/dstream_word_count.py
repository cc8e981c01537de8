"""Words of a TCP socket, counted batch by batch with DStreams.

DStreams are deprecated and still shipped; `word_count.py` is the same with Structured Streaming.
"""

from __future__ import annotations

from functools import partial
from operator import add

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
    counts.foreachRDD(append_counts)


if __name__ == "__main__":
    run_job(main)
