"""An example of a job as a stream: the server errors among JSON logs, kept as rows of a table of their own.

The runtime gives session, checkpoint, fencing, heartbeat and a graceful stop; what is here is Spark.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tideline_spark.job import Job, run_job

FIELDS = "timestamp string, service string, message string, status_code int"


def main(job: Job) -> None:
    records = (
        job.spark.readStream.format("kafka")
        .options(**job.kafka.spark())
        .option("subscribe", job.topic)
        .option("startingOffsets", "earliest")
        .load()
    )
    events = records.select("partition", "offset", F.from_json(F.col("value").cast("string"), FIELDS).alias("event"))
    is_error = F.col("event.status_code") >= job.whole("least_status")
    errors = events.where(is_error).select("partition", "offset", "event.*")

    def keep(rows: DataFrame, batch: int) -> None:
        job.append("server_errors", rows.toArrow(), batch)

    job.run(errors.writeStream.foreachBatch(job.fenced(keep)))


if __name__ == "__main__":
    run_job(main)
