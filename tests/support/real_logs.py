"""Real logs beside the project, for tests, and what a few lines of Python count in them; without the logs a test says
what it skipped."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import datetime

import pyarrow as pa
import pytest

from support.records import CHECKOUT

SHARED = CHECKOUT.parent / "shared" / "data"

MEASURES = """
    measures:
      requests: count
      client_errors: count_if(status_code between 400 and 499)
      server_errors: count_if(status_code between 500 and 599)
      clients: count_distinct(ip_address)"""
TRAFFIC = f"""
name: traffic
source: {{topic: logs, format: log}}
watermark: 5 minutes
metrics:
  minutes:
    window: 60 seconds{MEASURES}
  five_minutes:
    window: 300 seconds{MEASURES}
"""


def real_log(name: str) -> list[bytes]:
    """The lines of a real log as they are."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the checkout (../shared/data): real lines were not tried")
    return [line.removesuffix(b"\n") for line in path.open("rb")]


def counted(lines: list[bytes], seconds: int) -> dict[int, tuple[int, int, int, int]]:
    """Requests, 4xx, 5xx and distinct clients of each window, by its start in seconds."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    clients: dict[int, set[str]] = defaultdict(set)
    for line in (raw.decode() for raw in lines):
        at = datetime.strptime(re.search(r"\[([^]]+)\]", line)[1], "%d/%b/%Y:%H:%M:%S %z")  # type: ignore[index]
        status = re.search(r'" (\d{3}|-) ', line)[1]  # type: ignore[index]
        window = int(at.timestamp()) // seconds * seconds
        counts[window].update(["all", status[0]])
        clients[window].add(line.split()[0])
    return {at: (found["all"], found["4"], found["5"], len(clients[at])) for at, found in counts.items()}


def told(table: pa.Table) -> dict[int, tuple[int, ...]]:
    """The same of a table of `TRAFFIC`."""
    columns = ("requests", "client_errors", "server_errors", "clients")
    rows = table.to_pylist()
    return {round(row["window_start"].timestamp()): tuple(row[column] for column in columns) for row in rows}
