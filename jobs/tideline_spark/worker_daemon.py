"""The process that a driver's Python workers are forked from: it imports what their tasks need, once and before.

Spark starts it in place of its own (`spark.python.daemon.module`), whose workers import everything anew, each of them:
over a second of a core for each, several times in every start of a driver. A fork loses threads, so no import below may
start one, but jemalloc's own, which expect it: a test looks.
"""

from __future__ import annotations

import gc
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # or numpy starts threads when it is imported; a batch's tasks use none

import pyspark.worker  # noqa: F401
from pyspark.daemon import manager

import tideline_spark.task  # noqa: F401

if __name__ == "__main__":
    gc.freeze()  # what is shared stays shared: no collection of a worker's writes to it
    manager()
