"""An expression that fails for one event is null for that one, however often it stands in a spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tideline.bench.player import Player
from tideline.sinks.outlet import row_records
from tideline.spec.load import parse_spec
from tideline.tables.published import read_published

JSON_IS = "count_if(try(json_extract_string(shop, '$.x') = '{}'))"
SHOP = """
name: shop
source:
  topic: orders
  format: json
  columns: {at: timestamp, items: integer, shop: text}
  event_time: at
DERIVED
watermark: 5 minutes
metrics:
  sales: {window: 5 minutes, measures: {MEASURES}METRIC}
"""


def played(
    root: Path, *events: dict[str, Any], derived: str = "", measures: str = "n: count", metric: str = ""
) -> pa.Table:
    text = SHOP.replace("DERIVED", derived).replace("MEASURES", measures).replace("METRIC", metric)
    player = Player(root, parse_spec(text, "shop.yaml"))
    player.play(*(json.dumps({"at": 1_000} | event).encode() for event in events))
    rows = read_published(player.tables.published("sales"))
    assert rows is not None
    return rows


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        ("a: count_if(items * items > 100), b: count_if(items * items < 10)", {"a": 1, "b": 1}),
        ("a: count_if(items * items > 100 or items * items < 10)", {"a": 2}),
        ("a: 'count_if(shop::blob = shop::blob)', b: 'count_if(shop::blob > shop::blob)'", {"a": 2, "b": 0}),
        (
            f'a: "{JSON_IS.format(1)}", b: "{JSON_IS.format(2)}"',
            {"a": 0, "b": 0},
        ),
    ],
)
def test_one_event_spoils_no_measure(tmp_path: Path, measures: str, expected: dict[str, int]) -> None:
    events = [{"items": 50_000, "shop": "{"}, {"items": 2, "shop": "a"}, {"items": 20, "shop": "\u00e9"}]
    (row,) = played(tmp_path, *events, measures=measures).to_pylist()
    assert {name: row[name] for name in expected} == expected


def test_one_event_spoils_no_derived_column(tmp_path: Path) -> None:
    derived = "  derived: {square: items * items, next: items * items + 1}"
    measures = "total: sum(square), more: sum(next)"
    (row,) = played(tmp_path, {"items": 50_000}, {"items": 3}, derived=derived, measures=measures).to_pylist()
    assert (row["total"], row["more"]) == (9, 10)


@pytest.mark.parametrize("sql", ["try_cast(shop as date)", "try_cast(shop as timestamptz)", "try(shop::timestamp)"])
def test_a_time_that_no_reader_knows_is_null(tmp_path: Path, sql: str) -> None:
    shops = ["infinity", "-infinity", "0044-03-15 (BC)", "290000-01-01", "2024-02-29"]
    metric = f', keys: [shop], derived: {{day: "{sql}"}}'
    rows = played(tmp_path, *({"shop": shop} for shop in shops), metric=metric)
    days = {row["shop"]: row["day"] for row in rows.to_pylist()}
    assert {shop for shop, day in days.items() if day is not None} == {"2024-02-29"}
    assert len(list(row_records("sales", rows, rows.slice(0, 0)))) == len(shops)
