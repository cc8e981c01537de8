"""What every metric of the project's streams means: a few lines, and all the rows they make, worked out by hand."""

from __future__ import annotations

import json
from math import sqrt
from typing import Any, Final

import pytest

from support.records import log_line
from tideline.home import PROJECT_SPECS
from tideline.spec.load import find_spec, load_any_spec, load_spec, spec_names
from tideline.spec.model import StreamSpec
from tideline.trial import try_lines

Row = tuple[Any, ...]

LOGS: Final = [
    log_line(5, "a", ip_address="1.1.1.1", user_id="u1", response_time=0.5, status_code=200),
    log_line(20, "a", ip_address="1.1.1.1", user_id="u2", response_time=1.5, status_code=404),
    log_line(59.999, "b", ip_address="2.2.2.2", user_id="u1", response_time=1.0, status_code=200),
    log_line(60, "a", ip_address="1.1.1.1", user_id="u1", response_time=None, status_code=500),
]
"""Three in the first minute, the last of them at its very end; one at the very begin of the next, without a time."""

OF_LOGS: Final[dict[str, list[Row]]] = {
    "response_time": [
        (0, "a", 2, 1.0, 1.5, 0.5, pytest.approx(sqrt(0.5), rel=1e-15)),
        (0, "b", 1, 1.0, 1.0, 1.0, None),
        (60, "a", 1, None, None, None, None),
    ],
    "error_rate": [(0, "a", 2, 1, 50.0), (0, "b", 1, 0, 0.0), (60, "a", 1, 1, 100.0)],
    "system_health": [(0, 3, 2, 2, 1.0, 1, 100 / 3, 40), (60, 1, 1, 1, None, 1, 100.0, 40)],
    "ip_patterns": [(0, "1.1.1.1", 3, 2, ["a"]), (0, "2.2.2.2", 1, 1, ["b"])],
    "ip_requests": [(0, "1.1.1.1", 2, 2), (0, "2.2.2.2", 1, 1), (60, "1.1.1.1", 1, 1)],
    "sla": [(0, "a", 2, 1, 1, 50.0, 50.0), (0, "b", 1, 1, 1, 100.0, 100.0), (60, "a", 1, 0, 0, 0.0, 0.0)],
    "user_services": [(0, "u1", 3, 2, 0.75), (0, "u2", 1, 1, 1.5)],
    "service_popularity": [(0, "a", 2, 2), (0, "b", 1, 1), (60, "a", 1, 1)],
}


def action(milliseconds: int, user: str, what: str, value: float | None) -> bytes:
    event = {"timestamp": milliseconds, "user_id": user, "action": what, "value": value, "session_id": "s"}
    return json.dumps(event | {"ip_address": "1.1.1.1"}).encode()


ACTIONS: Final = [
    action(600_250, "ann", "login", None),
    action(610_000, "ann", "purchase", 10.5),
    action(605_000, "ann", "view", 0.25),
    action(659_999, "bob", "view", -1.0),
    action(660_000, "ann", "view", 2.0),
]
"""From 10 minutes on; the third came after the second and happened before it."""

OF_ACTIONS: Final[dict[str, list[Row]]] = {
    "windowed_events": [
        (360, "ann", 3, 10.75, 5.375),
        (360, "bob", 1, -1.0, -1.0),
        *(
            row
            for minute in (7, 8, 9, 10)
            for row in ((minute * 60, "ann", 4, 12.75, 4.25), (minute * 60, "bob", 1, -1.0, -1.0))
        ),
        (660, "ann", 1, 2.0, 2.0),
    ],
    "user_activity": [
        (570, "ann", 3, 3, 10.75, ["login", "view", "purchase"]),
        (600, "ann", 3, 3, 10.75, ["login", "view", "purchase"]),
        (600, "bob", 1, 1, -1.0, ["view"]),
        (630, "ann", 1, 1, 2.0, ["view"]),
        (630, "bob", 1, 1, -1.0, ["view"]),
        (660, "ann", 1, 1, 2.0, ["view"]),
    ],
    "action_metrics": [
        (540, "login", 1, 1, None, None, None),
        (540, "purchase", 1, 1, 10.5, 10.5, 10.5),
        (540, "view", 2, 2, -0.375, 0.25, -1.0),
        (600, "login", 1, 1, None, None, None),
        (600, "purchase", 1, 1, 10.5, 10.5, 10.5),
        (600, "view", 3, 2, 1.25 / 3, 2.0, -1.0),
        (660, "view", 1, 1, 2.0, 2.0, 2.0),
    ],
    "hot_users": [
        (360, "ann", 3, 10.75),
        (360, "bob", 1, -1.0),
        (480, "ann", 4, 12.75),
        (480, "bob", 1, -1.0),
        (600, "ann", 4, 12.75),
        (600, "bob", 1, -1.0),
    ],
    "action_counts": [(600, "login", 1, None), (600, "purchase", 1, 10.5), (600, "view", 3, 1.25)],
    "user_pulse": [(600, "ann", 4, 660_000), (600, "bob", 1, 659_999)],
}

NUMBERS: Final = [b'{"timestamp": %d, "value": %d}' % (9_000 + 500 * number, number) for number in range(4)]
"""Two numbers in the first ten seconds, the others in the next."""

STREAMS: Final = ("log-metrics", "user-events", "file-events", "rate-pulse")
SPECS: Final = {name: load_spec(find_spec(name, PROJECT_SPECS)) for name in STREAMS}
MEANINGS: Final = [
    ("rate-pulse", "pulse", NUMBERS, [(0, 2, 0, 1), (10, 2, 2, 3)]),
    ("file-events", "file_actions", ACTIONS, [(600, "login", 1, 1), (600, "purchase", 1, 1), (600, "view", 3, 2)]),
    *(("log-metrics", metric, LOGS, rows) for metric, rows in OF_LOGS.items()),
    *(("user-events", metric, ACTIONS, rows) for metric, rows in OF_ACTIONS.items()),
]


def rows_of(spec: StreamSpec, metric: str, lines: list[bytes]) -> list[Row]:
    """(window start in s, the keys, the measures, the derived columns): times as epoch ms."""
    of = spec.metrics[metric]
    columns = [*of.keys, *of.measures, *of.derived]
    table = try_lines(spec, lines, 10_000_000).tables[metric].to_pylist()
    found = [(round(row["window_start"].timestamp()), *(_plain(row[column]) for column in columns)) for row in table]
    return sorted(found, key=lambda row: (row[0], str(row[1])))


def _plain(value: Any) -> Any:
    return round(value.timestamp() * 1000) if hasattr(value, "timestamp") else value


@pytest.mark.parametrize(("stream", "metric", "lines", "rows"), MEANINGS, ids=[case[1] for case in MEANINGS])
def test_a_metric_means_what_it_says(stream: str, metric: str, lines: list[bytes], rows: list[Row]) -> None:
    assert rows_of(SPECS[stream], metric, lines) == sorted(rows, key=lambda row: (row[0], str(row[1])))


def test_every_metric_has_its_meaning() -> None:
    assert set(STREAMS) == {
        name
        for name in spec_names(PROJECT_SPECS)
        if isinstance(load_any_spec(find_spec(name, PROJECT_SPECS)), StreamSpec)
    }
    named = {(stream, metric) for stream, metric, _, _ in MEANINGS}
    assert named == {(name, metric) for name, spec in SPECS.items() for metric in spec.metrics}
