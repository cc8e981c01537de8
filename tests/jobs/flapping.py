"""A job that fails for a reason that may pass, as long as a file is there."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import DataFrame

from tideline_spark.job import Job, run_job


def main(job: Job) -> None:
    while_there = Path(job.text("fails_while"))

    def refuse(rows: DataFrame, batch: int) -> None:
        if while_there.exists():
            raise RuntimeError("the model is not loaded")

    if while_there.exists():
        raise RuntimeError("the model is not loaded")
    rows = job.spark.readStream.format("rate").load()
    job.run(rows.writeStream.foreachBatch(job.fenced(refuse)))


if __name__ == "__main__":
    run_job(main)
