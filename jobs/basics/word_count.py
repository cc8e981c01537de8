"""Words of a TCP socket, counted since the driver started with Structured Streaming, in complete mode."""

from __future__ import annotations

from pyspark.sql import DataFrame

from tideline_spark.job import Job, run_job
from tideline_spark.words import WORD_COUNTS, read_words


def main(job: Job) -> None:
    def keep(counts: DataFrame, batch: int) -> None:
        counts.orderBy("count", ascending=False).show()
        job.replace(WORD_COUNTS, counts.toArrow())

    counts = read_words(job).groupBy("word").count()
    job.run(counts.writeStream.outputMode("complete").foreachBatch(job.fenced(keep)))


if __name__ == "__main__":
    run_job(main, anew=True)
