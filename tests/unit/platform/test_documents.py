"""The documents name every command, and no command that there is not."""

from __future__ import annotations

import re

import typer.main

from tideline.cli.main import app
from tideline.home import CHECKOUT

COMMANDS = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_the_readme_lists_every_command() -> None:
    text = (CHECKOUT / "README.md").read_text()
    listed = set(re.findall(r"tideline ([a-z-]+)", text))
    assert COMMANDS - listed == {"demo"}  # `make demo` runs it


def test_the_documents_speak_of_commands_there_are() -> None:
    for path in [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]:
        named = set(re.findall(r"(?:\$|`|venv/bin/)\s*tideline ([a-z-]+)", path.read_text()))
        assert named - COMMANDS == set(), path.name
