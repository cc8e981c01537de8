"""The laws of measures over a thousand groups of random events: how their parts are cut and merged changes nothing.

A seed is a group with its own events, dealt to three parts; all groups are computed together, as a chunk's are.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pytest

from oracle.events import Record
from oracle.tables import expected
from support.against_oracle import Groups, same
from support.records import log_line, small_spec
from tideline.bench.player import records
from tideline.engine.cells import Engine
from tideline.engine.publish import Publisher
from tideline.engine.slots import merge_sql, slot_columns
from tideline.spec.measures import MeasureKind
from tideline.tables.schemas import TIME, correction_schema

SEEDS: Final = 1_000
NOW_MS: Final = 10_000_000
SPEC: Final = small_spec(
    all={
        "window": "1 minute",
        "slide": "30 seconds",
        "keys": ["service"],
        "measures": {
            "n": "count",
            "errors": "count_if(status_code >= 400)",
            "total": "sum(response_time)",
            "mean": "avg(response_time)",
            "least": "min(response_time)",
            "greatest": "max(response_time)",
            "deviation": "stddev(response_time)",
            "codes": "sum(status_code)",
            "first": "min(timestamp)",
            "last": "max(timestamp)",
            "users": "count_distinct(user_id)",
            "about": "approx_count_distinct(user_id)",
            "who": "set(user_id)",
            "path": "sequence(message)",
        },
    }
)
NUMBERS: Final = (None, 0, 0.5, 0.1, -3.25, 1e-6, 123456.789012, 999_999_999, -999_999_999, 1.0000005)


def dealt(seed: int) -> list[tuple[int, bytes]]:
    """A group's events, each with the part it falls to."""
    dice = random.Random(seed)
    return [
        (
            dice.randrange(3),
            log_line(
                dice.choice([0, 29.999, 30, 59.999, dice.uniform(0, 90)]),
                f"seed {seed}",
                response_time=dice.choice([*NUMBERS, round(dice.uniform(-5, 5), 6)]),
                status_code=dice.choice([None, 200, 404, 500]),
                user_id=dice.choice([None, "ann", "bob", "", "\u00fc\u0000", f"u{dice.randrange(4)}"]),
                message=dice.choice([None, "in", "out", "a,b"]),
            ),
        )
        for _ in range(dice.randrange(1, 12))
    ]


EVENTS: Final = [event for seed in range(SEEDS) for event in dealt(seed)]
OFFSETS: Final = {part: [i for i, (own, _) in enumerate(EVENTS) if own == part] for part in range(3)}


def cells(engine: Engine, offsets: Sequence[int]) -> pa.Table:
    """The merged cells of the events at these places, each at its own offset."""
    table = records([EVENTS[offset][1] for offset in offsets])
    at = table.column_names.index("offset")
    engine.load(table.set_column(at, "offset", pa.array(offsets, pa.int64())))
    return engine.merge(engine.cells())


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(SPEC)


@pytest.fixture(scope="module")
def parts(engine: Engine) -> list[pa.Table]:
    return [cells(engine, OFFSETS[part]) for part in range(3)]


@pytest.fixture(scope="module")
def whole(engine: Engine) -> pa.Table:
    return in_order(cells(engine, range(len(EVENTS))))


def merged(engine: Engine, *tables: pa.Table) -> pa.Table:
    return engine.merge(pa.concat_tables(tables))


def in_order(table: pa.Table) -> pa.Table:
    return table.sort_by([("window_end", "ascending"), ("key", "ascending")])


def test_every_measure_and_every_kind_of_slot_is_there(engine: Engine) -> None:
    assert {measure.kind for measure in SPEC.metrics["all"].parsed().values()} == set(MeasureKind)
    assert {merge_sql(slot).partition("(")[0] for slot in engine.slots} == {"sum", "min", "max", "list_sort"}
    assert slot_columns(engine.plans.values()) == engine.slots


def test_parts_merge_to_the_whole_in_any_order_and_grouping(
    engine: Engine, parts: list[pa.Table], whole: pa.Table
) -> None:
    a, b, c = parts
    assert all(len(part) for part in parts)
    for grouped in (
        merged(engine, merged(engine, a, b), c),
        merged(engine, a, merged(engine, b, c)),
        merged(engine, c, a, b),
        merged(engine, merged(engine, c, b), a),
    ):
        assert in_order(grouped).equals(whole)


def test_nothing_is_what_a_part_merges_with_and_stays_as_it_is(engine: Engine, whole: pa.Table) -> None:
    nothing = whole.slice(0, 0)
    assert in_order(merged(engine, whole, nothing)).equals(whole)
    assert in_order(merged(engine, nothing, whole)).equals(whole)
    assert not len(merged(engine, nothing))


def test_the_published_rows_of_merged_parts_are_the_oracles(engine: Engine, parts: list[pa.Table]) -> None:
    publisher = Publisher(SPEC)
    groups = pa.concat_tables(
        part.append_column("version", pa.repeat(pa.scalar(number), len(part))).append_column(
            "batch_at", pa.repeat(pa.scalar(0, TIME), len(part))
        )
        for number, part in enumerate(parts, 1)
    )
    first, *others = (groups.filter(pa.compute.equal(groups["version"], number)) for number in (1, 2, 3))
    late = pa.concat_tables(
        other.append_column("sequence", other["version"]).append_column("made_at", other["batch_at"])
        for other in others
    )
    corrections = correction_schema(engine.slots)
    late = late.select(corrections.names).cast(corrections)
    rows = publisher.finish(publisher.merge(first, late), 0)["all"].to_pylist()
    found: Groups = {(round(row["window_start"].timestamp() * 1000), (row["service"],)): row for row in rows}
    sent = [Record(value, NOW_MS, offset=offset) for offset, (_, value) in enumerate(EVENTS)]
    wanted = expected(sent, SPEC)["all"]
    assert found.keys() == wanted.keys()
    unlike: list[Any] = [
        (group, column, found[group][column], value)
        for group, row in wanted.items()
        for column, value in row.items()
        if not same(found[group][column], value)
    ]
    assert unlike == []
    assert len({service for _, (service,) in found}) == SEEDS
