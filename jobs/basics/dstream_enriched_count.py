"""Words of a TCP socket, joined with reference data (word to category) and counted by category with DStreams.

`enriched_count.py` is the same with Structured Streaming.
"""

from __future__ import annotations

from functools import partial
from operator import add

from pyspark import RDD
from pyspark.streaming import StreamingContext

from tideline_spark.job import Job, run_job
from tideline_spark.words import OTHER, append_counts, read_categories, words_of


def main(job: Job) -> None:
    categories = read_categories(job.text("categories"))
    run = partial(define, host=job.text("host"), port=job.whole("port"), categories=categories)
    job.run_dstreams(run)


def define(context: StreamingContext, host: str, port: int, categories: list[tuple[str, str]]) -> None:
    ones = context.socketTextStream(host, port).flatMap(words_of).map(lambda word: (word, 1))
    counts = ones.transform(lambda rdd: categorised(rdd, categories)).reduceByKey(add)
    counts.pprint()
    counts.foreachRDD(append_counts)


def categorised(ones: RDD[tuple[str, int]], categories: list[tuple[str, str]]) -> RDD[tuple[str, int]]:
    """Each word's one under its category."""
    reference = ones.context.parallelize(categories)
    return ones.leftOuterJoin(reference).map(lambda row: (row[1][1] or OTHER, row[1][0]))


if __name__ == "__main__":
    run_job(main)
