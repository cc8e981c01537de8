"""How the demo tells its story: steps and live windows on standard error, the proof on standard output."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.table import Table

from tideline.cli.console import err, out
from tideline.home import Home
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables

if TYPE_CHECKING:
    from tideline.demo.story import Proof

_BEGUN = time.monotonic()
_LIVE = ("window_start", "total_requests", "error_rate", "health_score", "is_open")


def show_step(text: str) -> None:
    err.print(f"[{time.monotonic() - _BEGUN:5.1f} s] {text}", markup=False, style="bold")


def show_live_windows(home: Home, stream: str, newest: int = 5) -> None:
    """The newest windows of `system_health`, as any reader of the table sees them now."""
    rows = read_published(StreamTables(home.tables(stream)).published("system_health"))
    if rows is None:
        return
    table = Table(*_LIVE, title="system_health, live", box=SIMPLE)
    for row in rows.sort_by([("window_start", "descending")]).slice(0, newest).to_pylist():
        shown = {
            **row,
            "window_start": row["window_start"].strftime("%d %b %H:%M"),
            "error_rate": f"{row['error_rate']:.1f}",
        }
        table.add_row(*(str(shown[column]) for column in _LIVE))
    err.print(table)


def show_proof(proof: Proof, url: str) -> None:
    """What was proved, in one table."""
    table = Table("what", "figure", title="What was proved", show_header=False, box=SIMPLE)
    for label, figure in (
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
    ):
        table.add_row(label, str(figure))
    out.print(table)
