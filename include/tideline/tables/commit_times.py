"""When a version of a Delta table was committed, by its log."""

from __future__ import annotations

import json
from pathlib import Path


def commit_time_ms(path: Path, version: int) -> int | None:
    """The recorded time of a commit; None once the log has let go of it."""
    try:
        lines = (path / "_delta_log" / f"{version:020}.json").read_text().splitlines()
    except FileNotFoundError:
        return None
    found = (json.loads(line).get("commitInfo") for line in lines if '"commitInfo"' in line)
    return next((int(info["timestamp"]) for info in found if info and "timestamp" in info), None)
