"""Why a number is what it is: each input, which of them count, where they lie in Kafka, and the row as of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from support.held import refuse
from support.records import log_line, small_spec
from tideline.backfill import recompute_windows, windows_between
from tideline.bench.player import Player
from tideline.errors import UserError
from tideline.explain import Place, Step
from tideline.explain_view import conclusion_of
from tideline.reconcile import reconcile_books
from tideline.spec.model import StreamSpec
from tideline.stream_books import StreamBooks
from tideline.stream_explain import Explanation, explain_group
from tideline.subjects import find_subject
from tideline.tables.delta import open_dataset
from tideline.tables.published import Closing, read_published
from tideline.tables.unrecoverable import commit_unrecoverable
from tideline.unrecoverable import GONE, Unrecoverable

COUNT = {"window": "10 seconds", "keys": ["service"], "measures": {"request_count": "count"}}


def explained(player: Player, start_s: int = 0, key: str = "a", newest: int = 20) -> Explanation:
    subject = find_subject(player.tables, player.eras, "counts", start_s * 1_000_000, key)
    return explain_group(player.tables, player.eras, subject, newest, lambda: None)


def told(steps: Sequence[Step]) -> list[tuple[Any, ...]]:
    """(input, what stands for it, offsets of its first place, count, revision)."""
    return [
        (
            step.input.name,
            step.instead,
            (step.places[0].first_offset, step.places[0].last_offset) if step.places else None,
            step.row and step.row["request_count"],
            step.row and step.row["revision"],
        )
        for step in steps
    ]


def played(root: Path) -> Player:
    """Window [0, 10) has two parts, and one late event at offset 5."""
    player = Player(root, small_spec())
    player.play(log_line(3), log_line(15, "b"))
    player.play(log_line(5), log_line(35))
    player.play(log_line(41))
    player.play(log_line(6), log_line(52))
    return player


def recompute(player: Player, until_s: int = 20) -> None:
    recompute_windows(player.books, windows_between(player.eras, player.books.ledger, 0, until_s * 1_000_000))


def next_generation(player: Player, spec: StreamSpec | None = None) -> Player:
    return Player(player.root, spec or player.spec, player.generation + 1, log=player.log)


def test_a_late_event_waits_until_its_correction_changes_the_number(tmp_path: Path) -> None:
    player = played(tmp_path)
    before = explained(player)
    assert told(before.steps) == [
        ("part 1/0", "part 1/1", (0, 0), 1, 0),
        ("part 1/1", None, (2, 2), 2, 0),
    ]
    assert [place.first_offset for places in before.waits.values() for place in places] == [5]
    reconcile_books(player.books)
    after = explained(player)
    assert told(after.steps)[-1] == ("correction 1/3", None, (5, 5), 3, 1)
    assert (after.waits, after.differs) == ({}, ())


def test_a_correction_that_waits_at_the_gate_is_told_with_its_hold(tmp_path: Path) -> None:
    player = played(tmp_path)
    reconcile_books(player.books, gate=refuse)
    player.play(log_line(7), log_line(53))
    found = explained(player)
    assert [waits["hold"] for waits in found.as_dict()["waiting"]] == [1, None]
    assert [line for line in conclusion_of("small", found) if "waits" in line or "held" in line] == [
        "held by the gate, hold 1: batch 1/3 dropped 0:5..5 (1 event) of the window",
        "waits for a reconciliation: batch 1/4 dropped 0:7..7 (1 event) of the window",
    ]


def test_an_override_stands_for_what_it_has_seen(tmp_path: Path) -> None:
    player = played(tmp_path)
    reconcile_books(player.books)
    recompute(player)
    player.play(log_line(7), log_line(53))
    reconcile_books(player.books)
    found = explained(player)
    assert told(found.steps) == [
        ("part 1/0", "override 1/3", (0, 0), 1, 0),
        ("part 1/1", "override 1/3", (2, 2), 2, 0),
        ("correction 1/3", "override 1/3", (5, 5), 3, 1),
        ("override 1/3", None, (0, 5), 3, 2),
        ("correction 1/4", None, (7, 7), 4, 3),
    ]
    assert found.steps[3].places == (Place(0, 0, 5, 3),)
    assert found.differs == ()


def test_what_an_override_has_seen_waits_for_nothing(tmp_path: Path) -> None:
    player = played(tmp_path)
    recompute(player)
    assert explained(player).waits == {}


def test_parts_of_each_generation_count(tmp_path: Path) -> None:
    second = next_generation(played(tmp_path))
    second.play(log_line(7), log_line(36))
    found = explained(second)
    assert told(found.steps) == [
        ("part 1/0", "part 1/1", (0, 0), 1, 0),
        ("part 1/1", None, (2, 2), 2, 0),
        ("part 2/0", None, (7, 7), 3, 0),
    ]
    assert (found.era.first, found.era.last, found.differs) == (1, 2, ())


def test_a_changed_spec_owns_its_windows_from_their_rebuilding_on(tmp_path: Path) -> None:
    changed = small_spec(counts=COUNT | {"measures": {"request_count": "count", "users": "count_distinct(user_id)"}})
    second = next_generation(played(tmp_path), changed)
    second.play(log_line(36, user_id="u"), log_line(8))
    reconcile_books(second.books)
    newer, older = explained(second, 30), explained(second)
    assert told(newer.steps) == [
        ("override 2/cut", None, (3, 3), 1, 1),
        ("part 2/0", None, (7, 7), 2, 1),
    ]
    assert newer.columns == ["request_count", "users"]
    assert told(older.steps)[-1] == ("correction 2/0", None, (8, 8), 4, 2)
    assert (older.era.spec.fingerprint(), newer.era.spec.fingerprint()) == (
        small_spec().fingerprint(),
        changed.fingerprint(),
    )
    assert (newer.differs, older.differs) == ((), ())


def test_a_group_that_an_override_emptied_has_no_row(tmp_path: Path) -> None:
    player = played(tmp_path)
    player.log[1] = b"not a log line any more"
    recompute(player)
    found = explained(player, 10, "b")
    assert told(found.steps)[-1] == ("override 1/3", None, (1, 1), None, None)
    assert (found.published, found.differs) == (None, ())


def test_older_parts_are_left_out_and_still_folded(tmp_path: Path) -> None:
    found = explained(played(tmp_path), newest=1)
    assert (told(found.steps), found.left_out) == ([("part 1/1", None, (2, 2), 2, 0)], 1)


def falsify(player: Player) -> None:
    """Every published count becomes 99, as no writer of ours would make it."""
    path = player.tables.published("counts")
    rows = read_published(path)
    assert rows is not None
    at = rows.schema.get_field_index("request_count")
    write_deltalake(str(path), rows.set_column(at, "request_count", pa.array([99] * len(rows))), mode="overwrite")


def test_a_published_row_that_its_inputs_do_not_give_is_named(tmp_path: Path) -> None:
    player = played(tmp_path)
    falsify(player)
    found = explained(player)
    assert found.differs == ("request_count",)
    assert found.as_dict()["differs"] == ["request_count"]


def test_a_row_that_nobody_published_is_named(tmp_path: Path) -> None:
    player = played(tmp_path)
    player.play(log_line(70), publish=False)
    assert explained(player, 70).differs == ("*",)


@pytest.mark.parametrize(
    ("metric", "start_s", "key", "message", "fix"),
    [
        ("count", 0, "a", "no metric 'count'", "did you mean 'counts'?"),
        ("counts", 7, "a", "no window that begins at 1970-01-01T00:00:07Z", "1970-01-01T00:00:10Z"),
        ("counts", 0, "aa", 'no key ["aa"]', "did you mean 'a'?"),
        ("counts", 0, "shop-of-mine", 'no key ["shop-of-mine"]', "known are a"),
        ("counts", 0, "b", 'no key ["b"]', "known are a"),
        ("counts", 0, "a,b", "2 values, the metric has 1: service", "JSON array"),
        ("counts", 0, '["a"', "is no JSON array", """'["a"]'"""),
    ],
)
def test_what_is_not_there_is_answered_with_what_is_near(
    tmp_path: Path, metric: str, start_s: int, key: str, message: str, fix: str
) -> None:
    player = played(tmp_path)
    with pytest.raises(UserError) as error:
        subject = find_subject(player.tables, player.eras, metric, start_s * 1_000_000, key)
        explain_group(player.tables, player.eras, subject, pause=lambda: None)
    assert message in error.value.message
    assert fix in (error.value.fix or "")


def test_what_kafka_no_longer_holds_is_told_until_an_override_has_it(tmp_path: Path) -> None:
    player = played(tmp_path)
    version = player.books.ledger[-1].version
    commit_unrecoverable(player.tables, [Unrecoverable(version, "counts", 10_000_000, 0, 0, 5, 6, 1)])
    assert explained(player).lost == ((version, Place(0, 5, 5, 1), GONE),)
    recompute(player)
    assert explained(player).lost == ()


def test_a_key_may_hold_null_and_commas_as_a_json_array(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(5, None), log_line(6, 'a, "b" ü'))
    assert explained(player, 0, "[null]").published is not None
    assert explained(player, 0, '["a, \\"b\\" ü"]').published is not None


def at(player: Player, ms: int) -> StreamBooks:
    """The books, as a reconciliation or a backfill at this time opens them."""
    return replace(player.books, clock=lambda: ms)


def came(found: Explanation) -> list[tuple[str, int | None]]:
    return [(step.input.name, step.input.came_ms) for step in found.steps]


def corrected_and_recomputed(root: Path) -> Player:
    """Corrected and recomputed long after the batch that both are of was recorded, at 4,000 ms."""
    player = played(root)
    reconcile_books(at(player, 60_000))
    recompute_windows(at(player, 70_000), frozenset({("counts", 10_000_000)}))
    return player


def test_corrections_and_overrides_came_when_they_were_made(tmp_path: Path) -> None:
    player = corrected_and_recomputed(tmp_path)
    assert came(explained(player)) == [
        ("part 1/0", 1_000), ("part 1/1", 2_000), ("correction 1/3", 60_000), ("override 1/3", 70_000),
    ]  # fmt: skip


def test_what_was_rebuilt_for_a_new_spec_came_when_it_began(tmp_path: Path) -> None:
    second = next_generation(played(tmp_path), small_spec(counts=COUNT | {"keys": ["level"]}))
    assert came(explained(second, 30, "[null]")) == [("override 2/cut", second.clock())]


def test_a_late_reconciliation_comes_after_the_parts_that_were_there_before(tmp_path: Path) -> None:
    second = next_generation(played(tmp_path))
    second.play(log_line(7))
    reconcile_books(at(second, 60_000))
    assert [name for name, _ in came(explained(second))][-2:] == ["part 2/0", "correction 1/3"]


def test_rows_of_an_older_version_do_not_say_when_they_were_made(tmp_path: Path) -> None:
    player = corrected_and_recomputed(tmp_path)
    for path in (player.tables.corrections, player.tables.overrides):
        rows = open_dataset(path).to_table().drop_columns(["made_at"])
        write_deltalake(str(path), rows, mode="overwrite", schema_mode="overwrite")
    assert came(explained(player))[-2:] == [("correction 1/3", None), ("override 1/3", None)]
    player.play(log_line(8), log_line(53))
    reconcile_books(at(player, 80_000))
    assert came(explained(player))[-2:] == [("override 1/3", None), ("correction 1/4", 80_000)]
    assert reconcile_books(player.books).corrections == 0
    assert explained(player).differs == ()


ACTS = st.lists(
    st.one_of(st.floats(0, 90), st.sampled_from(["reconcile", "recompute", "generation", "spec"])), max_size=8
)


@settings(max_examples=6, deadline=None)
@given(acts=ACTS)
def test_whatever_happens_the_last_step_is_the_published_row(
    tmp_path_factory: pytest.TempPathFactory, acts: list[float | str]
) -> None:
    specs = [small_spec(), small_spec(counts=COUNT | {"watermark": "15 seconds"})]
    player = Player(tmp_path_factory.mktemp("player"), specs[0])
    player.play(log_line(5), log_line(40))
    for act in acts:
        match act:
            case "reconcile":
                reconcile_books(player.books)
            case "recompute":
                recompute(player, 100)
            case "generation" | "spec":
                number = specs.index(player.spec)
                player = next_generation(player, specs[number if act == "generation" else 1 - number])
            case float(at):
                player.play(log_line(at), log_line(3))
    rows = read_published(player.tables.published("counts"))
    assert rows is not None
    for start in rows["window_start"].to_pylist():
        found = explained(player, round(start.timestamp()))
        counting = sum(step.input.events for step in found.steps if step.counts)
        row = found.published
        assert found.differs == ()
        assert counting == (row["request_count"] if row else 0)


def test_a_window_of_the_year_999_is_found_in_its_hour(tmp_path: Path) -> None:
    """The publisher's SQL writes the partition, Python looks for it: of early years both must write four digits."""
    start_s = -30_610_224_005  # five seconds before the year 1000, in which events begin
    player = Player(tmp_path, small_spec(counts=COUNT | {"slide": "5 seconds"}))
    player.play(log_line(start_s + 6), log_line(5))  # before the epoch every event is late
    reconcile_books(player.books)
    found = explained(player, start_s)
    assert found.published is not None
    assert (found.published["hour"], found.differs) == ("0999-12-31-23", ())
    assert Closing(frozenset({(start_s + 10) * 1_000_000}), 10_000).hours() == {found.published["hour"]}


def test_where_two_specs_have_a_window_from_then_on_the_user_chooses_by_its_end(tmp_path: Path) -> None:
    first = Player(tmp_path, small_spec())
    first.play(log_line(5), log_line(25), log_line(41))
    first.play(log_line(42))
    longer = small_spec(counts=COUNT | {"window": "20 seconds"})
    second = Player(tmp_path, longer, 2, log=first.log)
    second.play(log_line(26), log_line(43))

    def ending(end_s: int | None, start_s: int = 20) -> Explanation:
        end_us = None if end_s is None else end_s * 1_000_000
        subject = find_subject(second.tables, second.eras, "counts", start_s * 1_000_000, "a", end_us)
        return explain_group(second.tables, second.eras, subject, 20, lambda: None)

    for end_s, generation in ((30, 1), (40, 2)):
        found = ending(end_s)
        assert (found.era.first, found.published and found.published["window_end"].timestamp()) == (generation, end_s)
        assert found.differs == ()
    with pytest.raises(UserError, match="2 windows that begin at 1970-01-01T00:00:20Z") as error:
        ending(None)
    assert "--until 1970-01-01T00:00:30Z or --until 1970-01-01T00:00:40Z" in error.value.fix
    with pytest.raises(UserError, match="no window from 1970-01-01T00:00:20Z to 1970-01-01T00:00:50Z"):
        ending(50)
    assert [ending(None, start_s).subject.end_us for start_s in (0, 40)] == [10_000_000, 60_000_000]
