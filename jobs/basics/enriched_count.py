"""Words of a TCP socket, joined with reference data (word to category) and counted by category."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tideline_spark.job import Job, run_job
from tideline_spark.words import OTHER, WORD_COUNTS, read_categories, read_words


def main(job: Job) -> None:
    categories = read_categories(job.text("categories"))
    reference = job.spark.createDataFrame(categories, "word string, category string")

    def keep(counts: DataFrame, batch: int) -> None:
        counts.show()
        job.replace(WORD_COUNTS, counts.toArrow())

    counts = (
        read_words(job)
        .join(F.broadcast(reference), "word", "left")
        .groupBy(F.coalesce("category", F.lit(OTHER)).alias("word"))
        .count()
    )
    job.run(counts.writeStream.outputMode("complete").foreachBatch(job.fenced(keep)))


if __name__ == "__main__":
    run_job(main, anew=True)
