"""Words of a TCP socket, counted over a sliding window with DStreams.

What leaves the window is taken away by the inverse function, so a slide costs what came and what went, not the whole
window. `windowed_count.py` is the same with Structured Streaming.
"""

from __future__ import annotations

from functools import partial
from operator import add, sub

from pyspark.streaming import StreamingContext

from tideline_spark.job import Job, run_job
from tideline_spark.words import append_counts, words_of


def main(job: Job) -> None:
    window, slide = job.whole("window_seconds"), job.whole("slide_seconds")
    run = partial(define, host=job.text("host"), port=job.whole("port"), window=window, slide=slide)
    job.run_dstreams(run)


def define(context: StreamingContext, host: str, port: int, window: int, slide: int) -> None:
    lines = context.socketTextStream(host, port)
    lines.foreachRDD(lambda _: None)  # a window asks for its batches at each slide: Spark counts no records in between
    ones = lines.flatMap(words_of).map(lambda word: (word, 1))
    counts = ones.reduceByKeyAndWindow(add, sub, window, slide, filterFunc=lambda pair: pair[1] > 0)
    counts.pprint()
    counts.foreachRDD(append_counts)


if __name__ == "__main__":
    run_job(main)
