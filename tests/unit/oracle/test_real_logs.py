"""The oracle on logs of real sites, where they lie beside the checkout."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from oracle.events import Record, Reject
from oracle.parsing import parse
from oracle.tables import expected
from tideline.home import CHECKOUT
from tideline.produce.lines import FileSource
from tideline.spec.load import load_spec

DATA = CHECKOUT.parent / "shared" / "data"
NOW_MS = 1_800_000_000_000


def lines_of(name: str) -> list[bytes]:
    path: Path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} does not lie beside the checkout")
    return list(FileSource(path))


@pytest.mark.parametrize(("name", "count"), [("apache_access.log", 10_000), ("nasa_access.log", 4_000)])
def test_no_line_of_a_real_log_is_rejected(name: str, count: int) -> None:
    found = Counter(
        event.reason if isinstance(event := parse(line, NOW_MS), Reject) else "event" for line in lines_of(name)
    )
    assert found == {"event": count}


@pytest.mark.parametrize(("name", "windows"), [("apache_access.log", 84), ("nasa_access.log", 69)])
def test_real_logs_fill_their_windows(name: str, windows: int) -> None:
    lines = lines_of(name)
    tables = expected(
        [Record(line, NOW_MS) for line in lines], load_spec(CHECKOUT / "include/streams/log-metrics.yaml")
    )
    assert len(tables["system_health"]) == windows
    assert sum(int(str(row["total_requests"])) for row in tables["error_rate"].values()) == len(lines)
