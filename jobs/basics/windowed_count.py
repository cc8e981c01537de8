"""Words of a TCP socket, counted over a sliding window by the time of their arrival, with Structured Streaming."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tideline_spark.job import Job, run_job
from tideline_spark.words import WORD_COUNTS, read_words


def main(job: Job) -> None:
    window, slide = (f"{job.whole(name)} seconds" for name in ("window_seconds", "slide_seconds"))

    def keep(counts: DataFrame, batch: int) -> None:
        counts.show()
        job.append(WORD_COUNTS, counts.toArrow(), batch)

    counts = (
        read_words(job)
        .withWatermark("timestamp", slide)
        .groupBy(F.window("timestamp", window, slide), "word")
        .count()
        .select(F.col("window.end").alias("at"), "word", "count")
    )
    job.run(counts.writeStream.outputMode("update").foreachBatch(job.fenced(keep)))


if __name__ == "__main__":
    run_job(main, anew=True)
