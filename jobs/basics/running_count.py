"""Words of a TCP socket, counted since the driver started with Structured Streaming: each batch tells what changed."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tideline_spark.job import Job, run_job
from tideline_spark.words import WORD_COUNTS, read_words


def main(job: Job) -> None:
    def keep(counts: DataFrame, batch: int) -> None:
        counts.show()
        job.append(WORD_COUNTS, counts.withColumn("at", F.current_timestamp()).toArrow(), batch)

    counts = read_words(job).groupBy("word").count()
    job.run(counts.writeStream.outputMode("update").foreachBatch(job.fenced(keep)))


if __name__ == "__main__":
    run_job(main, anew=True)
