"""The file that says who is told, and what is said of one that is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.home import CHECKOUT, notify_file
from tideline.keeper.verdict import Severity
from tideline.notify.load import load_notify, parse_notify
from tideline.spec.notifiers import ToAirflow, ToLog, ToWebhook

FILE = CHECKOUT / "include" / "notify.yaml"


def test_the_file_that_comes_along_tells_the_log() -> None:
    assert notify_file() == FILE
    assert list(load_notify(FILE).notifiers.values()) == [ToLog(type="log")]


def test_its_examples_are_right() -> None:
    commented = re.sub(r"^  # (?=[ a-z])", "  ", FILE.read_text(), flags=re.MULTILINE)  # sentences begin with capitals
    text = "\n".join(line for line in commented.splitlines() if not line.startswith("  #"))
    found = parse_notify(text, "notify.yaml").notifiers
    assert {name: type(each) for name, each in found.items()} == {"log": ToLog, "chat": ToWebhook, "on-call": ToAirflow}
    assert (found["on-call"].severity, found["on-call"].streams) == (Severity.PAGE, ("log-metrics",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("- log", "this file is keys with values"),
        ("notifiers: {log: {type: pigeon}}", "this is no kind of notifier"),
        ("notifiers: {log: {type: log, colour: red}}", "unknown key 'colour' in notifiers.log"),
        ("notifiers: {ops: {type: webhook}}", "key 'conn_id' is missing in notifiers.ops"),
        ("notifiers: {ops: {type: log, severity: panic}}", "'panic'"),
        ("notifiers: {ops: {type: log}, ops: {type: log}}", "key 'ops' stands twice"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(UserError, match=r"notify.yaml:1:\d+") as caught:
        parse_notify(text, "notify.yaml")
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_notify(tmp_path / "notify.yaml")
