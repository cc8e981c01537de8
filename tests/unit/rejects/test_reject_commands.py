"""The commands as a person meets them: what is printed, and what is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from support.records import log_line, small_spec
from tideline.bench.player import Player, records
from tideline.cli import quarantine_commands, reject_commands
from tideline.errors import UserError
from tideline.exporter.driver_seen import REASONS
from tideline.home import Home
from tideline.produce.malformed import BAD_LOGS
from tideline.quarantine import Entry, Quarantine, load_quarantine
from tideline.quarantine_acts import effect_of
from tideline.quarantine_list import added, change_list
from tideline.rejects_report import reasons_of
from tideline.spec.model import StreamSpec

app = typer.Typer()
reject_commands.register(app)
quarantine_commands.register(app)

HOSTILE = [
    b"<script>alert(1)</script>",
    b"\x1b[2J\x1b]0;owned\x07[red]",
    b"a\x00b\r\nc",
    b"caf\xe9 \xff\xfe",
    "\u202egnp.exe".encode(),
    b"\x9b31m" * 250_000,
    None,
]


def keep_spec(home: Home, spec: StreamSpec) -> None:
    home.stream("small").root.mkdir(parents=True, exist_ok=True)
    home.stream("small").spec.write_text(spec.model_dump_json(exclude_none=True))


@pytest.fixture
def player(tmp_path: Path) -> Player:
    keep_spec(Home(tmp_path), small_spec())
    return Player(tmp_path / "tables" / "small", small_spec())


def run(home: Path, *arguments: str, code: int = 0) -> str:
    done = CliRunner(env={"TIDELINE_HOME": str(home), "COLUMNS": "400"}).invoke(app, arguments)
    assert done.exit_code == code, (done.output, done.exception)
    return done.stdout


def test_hostile_bytes_are_shown_harmlessly(tmp_path: Path, player: Player) -> None:
    player.play(*HOSTILE)
    said = run(tmp_path, "rejects", "small")
    assert all(line.isprintable() for line in said.split("\n"))
    assert r"\x1b[2J\x1b]0;owned\x07[red]" in said
    assert "(1,000,000 bytes)" in said and len(said) < 5_000


def test_json_gives_the_bytes_back(tmp_path: Path, player: Player) -> None:
    player.play(*HOSTILE)
    newest = json.loads(run(tmp_path, "rejects", "small", "--json"))["newest"]
    values = [None if n["value_base64"] is None else base64.b64decode(n["value_base64"]) for n in newest]
    assert values[::-1] == HOSTILE
    assert [n["size"] for n in newest][:2] == [None, 1_000_000]


def test_reasons_are_counted_with_their_share_of_all_records(tmp_path: Path, player: Player) -> None:
    player.play(b"junk", b"junk", None, *[log_line(n) for n in range(5)])
    said = run(tmp_path, "rejects", "small", "--limit", "1").splitlines()
    assert said[0] == "small: 3 rejects of 8 records (37.50%)"
    assert [line.split() for line in said[2:4]] == [["malformed_line", "2", "25.00%"], ["null_value", "1", "12.50%"]]
    assert [line.split()[:6] for line in said[6:7]] == [["small", "0", "@", "2", "2096-10-02", "07:06:40"]]


def test_a_stream_without_rejects_says_so(tmp_path: Path, player: Player) -> None:
    assert run(tmp_path, "rejects", "small") == "small: 0 rejects of 0 records\n"


def test_the_dropped_share_and_its_alarm_are_told(tmp_path: Path, player: Player) -> None:
    player.play(log_line(1000))
    player.play(*[log_line(n) for n in range(19)])
    said = run(tmp_path, "rejects", "small")
    assert "dropped by the watermark in the last 2 batches with events: 19 of 20 (95.00%)" in said
    assert "ALARM: 95% of the events" in said


def test_dry_run_belongs_to_replay(tmp_path: Path, player: Player) -> None:
    run(tmp_path, "rejects", "small", "--dry-run", code=2)


def test_a_replay_tells_what_became_an_event_and_its_windows(tmp_path: Path) -> None:
    keep_spec(Home(tmp_path), small_spec())
    quarantine = Quarantine(frozenset({(0, 0), (0, 3)}))
    player = Player(tmp_path / "tables" / "small", small_spec(), quarantine=quarantine)
    player.play(log_line(1), log_line(2), log_line(45), log_line(46), b"junk")
    player.play()
    plan = json.loads(run(tmp_path, "rejects", "small", "--replay", "--dry-run", "--json"))
    assert plan["events_now"] == {"quarantined": 2}
    assert plan["windows"] == [{"metric": "counts", "window_end": "1970-01-01T00:00:10Z"}]
    assert plan["open_windows"] == [{"metric": "counts", "window_end": "1970-01-01T00:00:50Z"}]
    assert (plan["from"], plan["to"]) == ("1970-01-01T00:00:00Z", "1970-01-01T00:00:10Z")


def test_nothing_to_replay_is_said(tmp_path: Path, player: Player) -> None:
    player.play(b"junk")
    assert run(tmp_path, "rejects", "small", "--replay") == "small: no reject is an event now\n"


def listed(home: Path, offset: int, why: str = "crashes the parser") -> None:
    entry = Entry(0, offset, why, "ann", "2026-01-31T10:00:00Z")
    change_list(Home(home).stream("small").quarantine, lambda entries: added(entries, entry))


def test_the_list_tells_what_became_of_each_record(tmp_path: Path) -> None:
    keep_spec(Home(tmp_path), small_spec())
    listed(tmp_path, 0)
    quarantine = load_quarantine(Home(tmp_path).stream("small").quarantine)
    player = Player(tmp_path / "tables" / "small", small_spec(), quarantine=quarantine)
    player.play(log_line(1), log_line(2))
    listed(tmp_path, 1, "\x1b[31m")
    listed(tmp_path, 2)
    found = json.loads(run(tmp_path, "quarantine", "small", "list", "--json"))["records"]
    assert [(record["offset"], record["state"]) for record in found] == [(0, "rejected"), (1, "counted"), (2, "unread")]
    assert r"\x1b[31m" in run(tmp_path, "quarantine", "small", "list")


def test_an_empty_list_says_so(tmp_path: Path, player: Player) -> None:
    assert run(tmp_path, "quarantine", "small", "list") == "small: nothing is in quarantine\n"


def test_a_record_that_was_read_asks_for_its_closed_windows(tmp_path: Path, player: Player) -> None:
    player.play(log_line(1), log_line(45))
    player.play(log_line(46))
    effects = [effect_of(Home(tmp_path), "small", records([player.log[n]], first_offset=n)) for n in (0, 1)]
    assert [(e.read_by, e.needs.closed, e.needs.covers) for e in effects] == [
        (1 << 32, {("counts", 10_000_000)}, (0, 10_000_000)),
        (1 << 32, frozenset(), None),
    ]
    assert effects[1].needs.still_open == {("counts", 50_000_000)}


def test_a_record_that_no_batch_has_read_asks_for_nothing(tmp_path: Path, player: Player) -> None:
    player.play(log_line(1))
    effect = effect_of(Home(tmp_path), "small", records([log_line(2)], first_offset=1))
    assert (effect.read_by, effect.needs.windows) == (None, frozenset())


def test_a_stream_that_was_never_deployed_is_refused(tmp_path: Path) -> None:
    done = CliRunner(env={"TIDELINE_HOME": str(tmp_path)}).invoke(app, ["rejects", "none"])
    assert "never deployed" in str(done.exception)


def test_a_reason_that_is_none_is_refused_with_those_there_are(tmp_path: Path, player: Player) -> None:
    player.play(b"junk")
    for options in ([], ["--replay"]):
        done = CliRunner(env={"TIDELINE_HOME": str(tmp_path)}).invoke(
            app, ["rejects", "small", "--reason", "nope", *options]
        )
        assert isinstance(done.exception, UserError)
        assert "malformed_line" in done.exception.fix
    assert run(tmp_path, "rejects", "small", "--reason", "null_value").startswith("small: 0 rejects")


def test_every_reason_of_malformed_records_is_one_to_ask_for() -> None:
    assert {"too_long", *REASONS, *(reason for reason, _ in BAD_LOGS)} <= reasons_of(small_spec().source)


def test_a_replay_has_no_limit(tmp_path: Path, player: Player) -> None:
    run(tmp_path, "rejects", "small", "--replay", "--limit", "10", code=2)
