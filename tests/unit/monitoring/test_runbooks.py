"""Each alert has a runbook of its name and each runbook an alert; what it tells to run or to read is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import typer.main

from support.records import CHECKOUT
from support.rule_files import alerts
from tideline.cli.main import app

RUNBOOKS: Final = sorted((CHECKOUT / "docs" / "runbooks").glob("*.md"))
COMMANDS: Final[dict[str, Any]] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS} == {rule["alert"] for rule in alerts()}


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_says_what_it_means_what_to_look_at_and_what_to_do(path: Path) -> None:
    text = path.read_text()
    assert text.startswith(f"# {path.stem}\n\n**Means** (")
    assert [heading in text for heading in ("\n**Look at**\n", "\n**Do**\n")] == [True, True]
    grave = {rule["labels"]["severity"] for rule in alerts() if rule["alert"] == path.stem}
    assert set(re.findall(r"page|warn", re.findall(r"\((.*?)\)", text)[0])) == grave


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_names_commands_and_options_that_there_are(path: Path) -> None:
    for words in re.findall(r"`tideline ([^`]+)`", " ".join(path.read_text().split())):
        command = command_of(words.split())
        options = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", words)) <= options, words


def command_of(words: list[str]) -> Any:
    """The command that these words call, which may be one of a group."""
    command = COMMANDS.get(words[0])
    for word in words[1:]:
        command = getattr(command, "commands", {}).get(word, command)
    assert command is not None and not hasattr(command, "commands"), words
    return command


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_links_documents_that_there_are(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        assert (path.parent / target).is_file(), target
