"""The process that Python workers are forked from."""

from __future__ import annotations

import subprocess
import sys

_LOOK = """
import os
import tideline_spark.worker_daemon
others = [each for each in os.listdir("/proc/self/task") if int(each) != os.getpid()]
names = [open(f"/proc/self/task/{each}/comm").read().strip() for each in others]
print(*names, sep="\\n")
"""


def test_what_a_worker_is_forked_from_has_no_thread_that_a_fork_would_lose() -> None:
    said = subprocess.run([sys.executable, "-c", _LOOK], capture_output=True, text=True, check=True).stdout
    assert set(said.split()) <= {"jemalloc_bg_thd"}
