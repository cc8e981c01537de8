"""Entry point for spark-submit: runs one stream; see `tideline_spark.driver`."""

from __future__ import annotations

import logging
import os

from tideline_spark.driver import main

code = main()
logging.shutdown()
os._exit(code)  # the heartbeat has said all: nothing is left to unwind, and the code is what the keeper reads
