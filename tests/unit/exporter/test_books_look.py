"""Which anomalies are counted, and which are told with their scores."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from support.records import small_spec
from tideline.anomalies import ANOMALIES
from tideline.exporter.books_look import MOST_SCORES, look_at_books
from tideline.exporter.books_seen import BooksSeen
from tideline.home import Home
from tideline.spec.model import StreamSpec
from tideline.tables.schemas import StreamTables

NOW_S: Final = 1_700_000_000
HOUR_S: Final = 3_600
SPEC: Final = StreamSpec.model_validate(
    small_spec().model_dump(mode="json")
    | {"detectors": {"busy": {"kind": "threshold", "metric": "counts", "observed": "request_count", "when": "true"}}}
)


def anomaly(service: str, score: float | None = 1.0, raised_s: int = 0, **columns: Any) -> dict[str, Any]:
    """One whose times are in seconds before now; it stands unless `withdrawn_at` is given."""
    plain = {"kind": "busy", "metric": "counts", "key": f'["{service}"]', "window_start": 20, "window_end": 10}
    times = {"window_start", "window_end", "raised_at", "withdrawn_at"}
    row = {**plain, "score": score, "raised_at": raised_s, "withdrawn_at": None, **columns}
    return {
        name: (NOW_S - value) * 1_000_000 if name in times and value is not None else value
        for name, value in row.items()
    }


def seen(root: Path, *rows: dict[str, Any]) -> BooksSeen:
    """What is told of these."""
    home = Home(root)
    if rows:
        table = pa.table({name: [row.get(name) for row in rows] for name in ANOMALIES.names}).cast(ANOMALIES)
        folder = StreamTables(home.tables(SPEC.name)).anomalies
        folder.mkdir(parents=True)
        write_deltalake(str(folder), table)
    return look_at_books(home, SPEC, NOW_S * 1000)


def scores(found: BooksSeen) -> list[tuple[str, str, float]]:
    return [(score.kind, score.keys["key_service"], score.score) for score in found.scores]


def test_all_are_counted_by_kind_and_whether_they_stand(tmp_path: Path) -> None:
    old = {"raised_s": 90 * HOUR_S}
    other = anomaly("a", kind="ddos", metric="gone")
    found = seen(tmp_path, anomaly("a"), anomaly("b", **old), anomaly("c", withdrawn_at=0, **old), other)
    assert found.anomalies == {("busy", "raised"): 2, ("busy", "withdrawn"): 1, ("ddos", "raised"): 1}


def test_detectors_that_found_nothing_are_told_with_none(tmp_path: Path) -> None:
    found = seen(tmp_path)
    assert (found.anomalies, found.scores) == ({("busy", "raised"): 0, ("busy", "withdrawn"): 0}, [])


@pytest.mark.parametrize(
    "row",
    [
        anomaly("b", raised_s=HOUR_S),
        anomaly("b", withdrawn_at=0),
        anomaly("b", metric="gone"),
        anomaly("b", key='["b", "c"]'),
    ],
    ids=["old", "withdrawn", "of-no-metric", "of-other-keys"],
)
def test_scores_are_of_those_that_stand_and_are_recent_and_of_the_spec(tmp_path: Path, row: dict[str, Any]) -> None:
    assert scores(seen(tmp_path, row, anomaly("a", 3.0, raised_s=HOUR_S - 1))) == [("busy", "a", 3.0)]


def test_of_a_key_the_newest_window_is_told(tmp_path: Path) -> None:
    windows = [anomaly("a", float(number), window_end=number) for number in (30, 10, 20)]
    assert scores(seen(tmp_path, *windows, anomaly("a", 7.0, kind="ddos"))) == [("busy", "a", 10.0), ("ddos", "a", 7.0)]


def test_of_many_keys_those_of_the_greatest_size_are_told_and_without_a_score_last(tmp_path: Path) -> None:
    many = [anomaly(f"{number:03}", number * (-1.0) ** number) for number in range(MOST_SCORES + 10)]
    told = scores(seen(tmp_path, anomaly("none", None), *many))
    assert [abs(score) for _, _, score in told] == [float(number) for number in range(MOST_SCORES + 9, 9, -1)]
    (without,) = scores(seen(tmp_path / "one", anomaly("none", None)))
    assert math.isnan(without[2])
