"""How the demo tells its story: steps and live windows on standard error, the proof on standard output."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.box import SIMPLE

from tideline.cli.console import err, out, print_table, progress

if TYPE_CHECKING:
    from tideline.demo.proof import Proof
    from tideline.home import Home

_LIVE = ("window_start", "total_requests", "error_rate", "health_score", "is_open")


class ConsoleTeller:
    """Tells the steps of the story, each with the seconds since it began."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def step(self, text: str) -> None:
        err.print(f"[{time.monotonic() - self._begun:5.1f} s] {text}", markup=False, style="bold")

    def progress(self, line: str) -> None:
        progress(line)

    def live_windows(self, home: Home, stream: str) -> None:
        show_live_windows(home, stream)


def show_live_windows(home: Home, stream: str, newest: int = 5) -> None:
    """The newest windows of `system_health`, as any reader of the table sees them now."""
    from tideline.tables.published import read_published
    from tideline.tables.schemas import StreamTables

    found = read_published(StreamTables(home.tables(stream)).published("system_health"))
    if found is None:
        return
    rows = found.sort_by([("window_start", "descending")]).slice(0, newest).to_pylist()
    for row in rows:
        row["window_start"] = row["window_start"].strftime("%d %b %H:%M")
        row["error_rate"] = f"{row['error_rate']:.1f}"
    cells = [[row[column] for column in _LIVE] for row in rows]
    print_table(err, _LIVE, cells, title="system_health, live", box=SIMPLE)


def show_proof(proof: Proof, url: str) -> None:
    """What was proved, in one table."""
    rows = (
        ("events sent", proof.sent),
        ("counted on time", proof.counted),
        ("rejected, with a reason", proof.rejected),
        ("late, dropped by the watermark", proof.late),
        ("late, corrected", proof.corrected),
        ("windows compared with the log", proof.windows),
        ("differences", proof.differences),
        ("seconds from kill -9 to detection", f"{proof.detect_s:.1f}"),
        ("seconds from kill -9 to the next batch", f"{proof.first_batch_s:.1f}"),
        ("Airflow", url),
    )
    print_table(out, ("what", "figure"), rows, title="What was proved", box=SIMPLE, show_header=False)
