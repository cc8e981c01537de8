"""A batch's rejects stand before its parts: whatever happens in between, each reject is kept once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from support.records import log_line, small_spec
from tideline.backfill import recompute_windows
from tideline.bench.player import RECORDED_MS, Planned, Player
from tideline.quarantine import NOTHING, Quarantine
from tideline.rejects import count_by_reason, newest_rejects, read_rejects, rejected_of
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_ledger
from tideline.tables.delta import Superseded, open_dataset
from tideline.tables.published import read_published
from tideline.tables.rejects import commit_rejects, remove_orphaned_rejects
from tideline.tables.schemas import StreamTables
from tideline.verify import verify_tables

AHEAD_S = RECORDED_MS // 1000 + 5
LISTED = Quarantine(frozenset({(0, 3)}))


class Killed(Exception):
    """The driver dies here."""


@dataclass(frozen=True)
class NoPlaceForRejects(StreamTables):
    """A driver that dies when it is about to write rejects."""

    @property
    def rejects(self) -> Path:
        raise Killed


def refuse_all_ahead() -> StreamSpec:
    spec = small_spec()
    return spec.model_copy(update={"source": spec.source.model_copy(update={"max_future": 0})})


def played(root: Path, spec: StreamSpec | None = None) -> Player:
    """One batch of offsets 0 and 1; of the next, offset 3 is quarantined, 4 no log line, 5 ahead of Kafka's time."""
    player = Player(root, spec or small_spec(), quarantine=LISTED)
    player.play(log_line(1), b"junk")
    return player


def killed_between(player: Player) -> Planned:
    """The next batch, of which nothing but the rejects is committed."""
    planned = player.plan({0: (log_line(2), log_line(3), b"more junk", log_line(AHEAD_S))})
    commit_rejects(player.tables, planned.row.topic, planned.rejects, planned.row.version)
    return planned


def kept(player: Player) -> list[tuple[int, int, str]]:
    """All that the table holds, of batches in flight too: version less that of batch 0, offset, reason."""
    rows = open_dataset(player.tables.rejects).to_table().to_pylist()
    return sorted((row["version"] & 0xFFFF, row["offset"], row["reason"]) for row in rows)


def counts(player: Player) -> dict[int, int]:
    """Events by the window's start in seconds."""
    table = read_published(player.tables.published("counts"))
    assert table is not None
    return {int(row["window_start"].timestamp()): row["request_count"] for row in table.to_pylist()}


def holds(player: Player) -> bool:
    return verify_tables(player.tables, player.spec, player.read, quarantine=player.quarantine).holds


def test_a_batch_in_the_ledger_has_its_rejects(tmp_path: Path) -> None:
    player = played(tmp_path)
    planned = player.plan({0: (b"junk",)})
    player.tables = NoPlaceForRejects(player.root)
    with pytest.raises(Killed):
        player.commit(planned)
    assert len(read_ledger(player.tables)) == 1


def test_rejects_of_a_batch_in_flight_are_not_told(tmp_path: Path) -> None:
    player = played(tmp_path)
    killed_between(player)
    assert count_by_reason(player.tables) == {"malformed_line": 1}
    assert [reject.offset for reject in newest_rejects(player.tables, 9)] == [1]
    assert pa.concat_tables(read_rejects(player.tables))["offset"].to_pylist() == [1]
    assert rejected_of(player.tables, LISTED) == frozenset()
    assert holds(player)


@pytest.mark.parametrize(
    ("quarantine", "expected"),
    [
        (LISTED, [(0, 1, "malformed_line"), (1, 3, "quarantined"), (1, 4, "malformed_line")]),
        (NOTHING, [(0, 1, "malformed_line"), (1, 4, "malformed_line")]),
    ],
    ids=["by the same list", "by another list"],
)
def test_a_batch_that_runs_again_keeps_what_it_refuses_then(
    tmp_path: Path, quarantine: Quarantine, expected: list[tuple[int, int, str]]
) -> None:
    values = (log_line(2), log_line(3), b"more junk")
    other = played(tmp_path / "other")
    other.quarantine = quarantine
    again = other.plan({0: values})
    player = played(tmp_path / "killed")
    first = player.plan({0: values})
    commit_rejects(player.tables, first.row.topic, first.rejects, first.row.version)
    player.quarantine = quarantine
    assert player.commit(again)
    player.publish(again)
    assert kept(player) == expected
    assert holds(player)


def test_what_was_refused_first_goes_when_the_batch_refuses_nothing_any_more(tmp_path: Path) -> None:
    player = played(tmp_path)
    planned = killed_between(player)
    commit_rejects(player.tables, "logs", planned.rejects.slice(0, 0), planned.row.version)
    assert kept(player) == [(0, 1, "malformed_line")]


def test_a_committed_batch_keeps_its_rejects_when_it_runs_again(tmp_path: Path) -> None:
    player = played(tmp_path)
    planned = player.plan({0: (log_line(2), log_line(3), b"more junk")})
    player.commit(planned)
    before = kept(player)
    for refused in (planned.rejects, planned.rejects.slice(0, 0)):
        commit_rejects(player.tables, planned.row.topic, refused, planned.row.version)
    assert kept(player) == before


@pytest.mark.parametrize(
    ("spec", "offsets", "counted"),
    [(refuse_all_ahead(), [1, 3, 4, 5], 0), (small_spec(), [1, 3, 4], 1)],
    ids=["of the same spec", "with a wider guard"],
)
def test_the_next_generation_reads_again_what_a_killed_one_refused(
    tmp_path: Path, spec: StreamSpec, offsets: list[int], counted: int
) -> None:
    first = played(tmp_path, refuse_all_ahead())
    killed_between(first)
    second = Player(tmp_path, spec, 2, log=first.log, quarantine=LISTED)
    assert [offset for _, offset, _ in kept(second)] == [1]
    second.play(*first.log[2:])
    second.play(log_line(AHEAD_S - 100))
    recompute_windows(second.books, frozenset({("counts", AHEAD_S // 10 * 10_000_000 + 10_000_000)}))
    assert sorted(offset for _, offset, _ in kept(second)) == offsets
    assert counts(second).get(AHEAD_S // 10 * 10, 0) == counted
    assert holds(second)


def test_a_driver_of_an_older_generation_leaves_no_reject_after_the_cut(tmp_path: Path) -> None:
    player = played(tmp_path)
    planned = player.plan({0: (b"junk",)})
    remove_orphaned_rejects(player.tables, last=1 << 32, cut=(2 << 32) - 1)  # the driver has seen no cut in `parts`
    with pytest.raises(Superseded):
        player.commit(planned)
    assert kept(player) == [(0, 1, "malformed_line")]


def test_rejects_of_a_batch_behind_the_last_one_are_refused(tmp_path: Path) -> None:
    player = played(tmp_path)
    planned = player.plan({0: (b"junk",)})
    player.play(log_line(4))
    player.play(log_line(5))
    with pytest.raises(Superseded):
        commit_rejects(player.tables, "logs", planned.rejects, planned.row.version)
