"""Hosts drivers for a bench: one Python and one JVM run the driver's entry again and again.

A line `{"run": [ARGUMENT, ...]}` on standard input starts a driver, `{"ended": CODE}` on standard output tells how it
ended; `{"ready": PID}` comes first, once the JVM is up. All else that is printed goes to standard error.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from typing import TextIO

from pyspark import SparkContext

from tideline_spark.driver import main


def serve(requests: TextIO, answers: TextIO) -> None:
    """One driver at a time; ends with its requests, whatever runs then: the bench is gone."""
    asked: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(requests, asked), daemon=True).start()
    SparkContext._ensure_initialized()
    _tell(answers, ready=os.getpid())
    while True:
        _tell(answers, ended=int(_run(json.loads(asked.get())["run"])))


def _listen(requests: TextIO, asked: queue.Queue[str]) -> None:
    for line in requests:
        asked.put(line)
    os._exit(0)  # the JVM and its workers end with this process


def _run(argv: list[str]) -> int:
    try:
        return main(argv)
    finally:
        left = SparkContext._active_spark_context  # a driver that failed leaves its context to its process's end
        if left is not None:
            left.stop()


def _tell(answers: TextIO, **said: int) -> None:
    answers.write(json.dumps(said) + "\n")
    answers.flush()


def private_output() -> TextIO:
    """Standard output for the answers alone: whoever prints, the JVM too, prints to standard error from here on."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(kept, "w")


if __name__ == "__main__":
    serve(sys.stdin, private_output())
