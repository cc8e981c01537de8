"""A process that hosts drivers for a bench: a JVM takes eight seconds to start, a driver in a warm one does not."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import psutil

from tideline.bench.place import clean_environment
from tideline.home import CHECKOUT, Home
from tideline.platform.processes import end_all
from tideline.platform.session_environment import session_environment

SCRIPT: Final = CHECKOUT / "jobs" / "run_bench_driver.py"
START_S: Final = 120.0


class HostLost(RuntimeError):
    """The process that hosts the driver ended, or does not answer."""


class DriverHost:
    """One Python with one JVM, in a session of its own, that runs one driver after the other."""

    def __init__(self, home: Home, log: Path, java_options: str) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, str(SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=session_environment(home, java_options, clean_environment()),
                cwd=home.root,
                start_new_session=True,
                text=True,
            )
        self._log = log
        self._answers: queue.Queue[dict[str, int] | None] = queue.Queue()
        self._is_ready = False
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, argv: list[str]) -> None:
        """Starts a driver; `ended` tells how it ends."""
        if not self._is_ready:
            if self._answer(START_S) is None:
                raise HostLost(f"no JVM was up within {START_S:g} s: read {self._log}")
            self._is_ready = True
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"run": argv}) + "\n")
        self._process.stdin.flush()

    def ended(self, seconds: float) -> int | None:
        """The driver's exit code once it has ended, None when it has not within `seconds`."""
        answer = self._answer(seconds)
        return None if answer is None else answer["ended"]

    def kill(self) -> None:
        """kill -9 for Python, the JVM and its workers, wherever they are in a batch."""
        family = self._family()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        for process in family:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(family, timeout=10)
        self._process.wait()

    def close(self) -> None:
        """Ends it: by its closed input, else by force."""
        family = self._family()
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        end_all(family, seconds=2)
        self._process.wait()

    def _family(self) -> list[psutil.Process]:
        with suppress(psutil.Error):
            leader = psutil.Process(self.pid)
            return [leader, *leader.children(recursive=True)]
        return []

    def _answer(self, seconds: float) -> dict[str, int] | None:
        """What it said next, None when it said nothing within `seconds`; HostLost once it has ended."""
        try:
            answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            return None
        if answer is None:
            raise HostLost(f"the process that hosts the driver ended: read {self._log}")
        return answer

    def _listen(self, lines: IO[str]) -> None:
        for line in lines:
            self._answers.put(json.loads(line))
        self._answers.put(None)
