"""What supervisord's own parser makes of the files written for it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from supervisor.options import UnhosedConfigParser

from tideline.platform.supervisor_conf import Program, conf_command, conf_value, render_program, render_script

# `str.isprintable` by construction: filtering by it throws most texts away.
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "))
SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['WORD']]))"


def parsed(program: Program, option: str) -> str:
    parser = UnhosedConfigParser()
    parser.read_string(render_program(program))
    return str(parser.saneget(f"program:{program.name}", option))


def program(*command: str, restart: bool = True) -> Program:
    return Program("part", command, Path("/logs/part.log"), Path("/place"), restart=restart)


@given(st.lists(PRINTABLE, min_size=1).filter(lambda words: any(words)))
def test_a_command_arrives_as_it_was_given(command: list[str]) -> None:
    assert shlex.split(parsed(program(*command), "command")) == command


@pytest.mark.parametrize("word", ["a\nb", "\r", "\x1c", "\u2028"])
def test_a_line_break_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        conf_command(["x", word])


@pytest.mark.parametrize("text", ["/a #b", "/a ;b"])
def test_a_path_that_would_become_a_comment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no blank before"):
        conf_value(text)


def test_a_part_is_restarted_and_a_driver_is_not() -> None:
    assert (parsed(program("x"), "autorestart"), parsed(program("x"), "startretries")) == ("true", "5")
    driver = program("x", restart=False)
    assert (parsed(driver, "autorestart"), parsed(driver, "startretries")) == ("false", "0")


@pytest.mark.parametrize("word", ["100%", "a ;b #c", "'x' \"y\" $HOME `id` \\", "two\nlines", ""])
def test_a_script_passes_any_text(tmp_path: Path, word: str) -> None:
    script = tmp_path / "script"
    script.write_text(render_script([sys.executable, "-c", SHOW, word], {"WORD": word}))
    said = subprocess.run(["/bin/sh", str(script)], capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == [[word], word]
