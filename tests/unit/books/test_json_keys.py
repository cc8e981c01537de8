"""What `--help` says of the JSON of a command is what it prints: the same keys, and times in one form."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
from typer.testing import CliRunner

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.cli.explain_command import explain
from tideline.cli.hold_commands import show_holds
from tideline.cli.lateness_commands import late_alerts, lateness
from tideline.cli.ledger_commands import ledger
from tideline.cli.main import app
from tideline.cli.quarantine_commands import show_list
from tideline.cli.reconcile_command import reconcile
from tideline.cli.reject_commands import rejects
from tideline.cli.retention_commands import retention
from tideline.cli.verify_command import verify
from tideline.holds import Hold, Release
from tideline.home import Home
from tideline.ledger import Books
from tideline.quarantine import Entry
from tideline.quarantine_list import added, change_list
from tideline.reconcile import ReconcileResult, reconcile_books
from tideline.retention import Level, TopicRetention, Verdict
from tideline.retention_guard import Guard
from tideline.retention_report import RetentionReport
from tideline.tables.late_alerts import LATE_ALERTS
from tideline.verify.report import Difference, Kept, Log, MetricReport, VerifyReport
from tideline.verify.sample import Draw, SampleReport

PLACEHOLDERS = {"partition", "offset", "name", "start", "end", "reason", "count", "totals"}
"""Words in place of keys that differ from stream to stream."""
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?Z")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A deployed stream with a reject, one late event corrected and one pending, a gap, and a listed record."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.stream("small").root.mkdir(parents=True)
    home.stream("small").spec.write_text(small_spec().model_dump_json(exclude_none=True))
    player = Player(home.tables("small"), small_spec())
    player.play(log_line(5), log_line(15), b"junk")
    player.play(log_line(45.0625))
    player.play(log_line(6))
    reconcile_books(player.books)
    player.batch += 1
    player.play(log_line(7))
    entry = Entry(0, 9, "bad", "ann", "2026-01-31T10:00:00Z")
    change_list(home.stream("small").quarantine, lambda entries: added(entries, entry))
    return home


def printed(home: Home, *arguments: str) -> dict[str, Any]:
    done = CliRunner(env={"TIDELINE_HOME": str(home.root)}).invoke(app, [*arguments, "--json"])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def keys(value: object) -> set[str]:
    """All keys of an object and of those within it, but those that stand for a partition, a metric or a column."""
    if isinstance(value, dict):
        return {*value, *(key for each in value.values() for key in keys(each))}
    return {key for each in value for key in keys(each)} if isinstance(value, list) else set()


def listed(command: Callable[..., None]) -> set[str]:
    """The keys that the paragraphs from `JSON` on name."""
    text = (inspect.getdoc(command) or "").split("JSON", 1)[1].split("\n\nExit", 1)[0]
    plain = re.sub(r"\([^()]*\)|and one of|of a dry run|of a replay|of a sample also|spans in ms", " ", text)
    return set(re.findall(r"[a-z][a-z0-9_.]*[a-z0-9]", plain)) - PLACEHOLDERS


def dumped(value: object) -> Any:
    return json.loads(json.dumps(value, default=str))


def ledger_keys(home: Home) -> set[str]:
    views = (printed(home, "ledger", "small", "--by", by) for by in ("batch", "day", "state"))
    return {key for view in views for key in keys(view)} - {"0"}


def explain_keys(home: Home) -> set[str]:
    found = printed(home, "explain", "small", "counts", "0", "a")
    own = keys({**found, "expected": None, "published": None, "steps": [{**s, "values": 0} for s in found["steps"]]})
    return own | {"values"}


def reconcile_keys(home: Home) -> set[str]:
    return keys(printed(home, "reconcile", "small", "--dry-run")) | {field.name for field in fields(ReconcileResult)}


METRICS = {"counts": MetricReport(1, 1, 1, 0, (Difference("counts", "1970", "[]", "n", "1", "2"),))}


def verify_keys(home: Home) -> set[str]:
    pinned = Player(home.root / "tables" / "other", small_spec()).play(log_line(1))
    whole = VerifyReport("small", pinned, METRICS, Log(), Kept(), Books(0, 0, 0, 0, 0))
    sample = SampleReport("small", pinned, Draw(1), 1, 1, 0, 1, METRICS)
    return (keys(dumped(whole.as_dict())) | keys(dumped(sample.as_dict()))) - {"counts"}


def retention_keys(_: Home) -> set[str]:
    guard = Guard(TopicRetention(1, 1, "CreateTime"), {}, (Verdict(0, Level.FINE, 0, 0, None, 0.0, (), ""),))
    return keys(dumped(RetentionReport("small", "small", guard, 0, 0).as_dict()))


def rejects_keys(home: Home) -> set[str]:
    shown, replayed = printed(home, "rejects", "small"), printed(home, "rejects", "small", "--replay", "--dry-run")
    return (keys(shown) | keys(replayed) | {"metric", "window_end"}) - {"malformed_line"}


def holds_keys(_: Home) -> set[str]:
    hold = Hold(1, 1, frozenset({1}), 1, 1, ("reason",), None, None, Release("ada", 1))
    return keys(dumped({"stream": "small", "holds": [{**hold.as_dict(), "page": None}]}))


def alerts_keys(home: Home) -> set[str]:
    return keys(printed(home, "late-alerts", "small")) | {"key", "more_than", "within"} | set(LATE_ALERTS.names)


@pytest.mark.parametrize(
    ("command", "real"),
    [
        (ledger, ledger_keys),
        (explain, explain_keys),
        (reconcile, reconcile_keys),
        (verify, verify_keys),
        (retention, retention_keys),
        (rejects, rejects_keys),
        (late_alerts, alerts_keys),
        (show_holds, holds_keys),
        (lateness, lambda home: keys(printed(home, "lateness", "small"))),
        (show_list, lambda home: keys(printed(home, "quarantine", "small", "list"))),
    ],
)
def test_help_lists_the_keys_there_are(
    home: Home, command: Callable[..., None], real: Callable[[Home], set[str]]
) -> None:
    assert listed(command) == real(home) - PLACEHOLDERS


def texts(value: object) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize(
    "arguments",
    [
        "ledger small",
        "ledger small --by state",
        "explain small counts 0 a",
        "rejects small",
        "quarantine small list",
        "lateness small",
    ],
)
def test_all_times_have_one_form(home: Home, arguments: str) -> None:
    found = printed(home, *arguments.split())
    times = [text for text in texts(found) if re.match(r"\d{4}-\d\d-\d\d[ T]", text)]
    assert [time for time in times if not ISO.fullmatch(time)] == []
    assert times or arguments.startswith("lateness")


def test_a_watermark_is_told_as_a_time(home: Home) -> None:
    batches = printed(home, "ledger", "small")["batches"]
    assert [(each["late_watermark"], each["watermark"]) for each in batches[:2]] == [
        (None, None),
        ("1970-01-01T00:00:05Z", "1970-01-01T00:00:05Z"),
    ]
