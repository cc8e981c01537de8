"""What each container runs, and what it finds."""

from __future__ import annotations

import configparser
import sys
from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.home import Home
from tideline.platform.container import (
    DRIVERS,
    PARTS,
    command_of,
    is_healthy,
    link_jars,
    part_environment,
    part_of,
)


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_a_program_of_this_python(tmp_path: Path, part: str) -> None:
    assert command_of(part, Home(tmp_path))[:2] == (sys.executable, "-m")


@pytest.mark.parametrize("part", ["", "driver", "database"])
def test_what_is_no_part_is_refused(part: str) -> None:
    with pytest.raises(UserError, match="which is no part"):
        part_of({"TIDELINE_PART": part})


def test_a_supervisord_of_drivers_hosts_nothing_at_first_and_forgets_those_of_the_last(tmp_path: Path) -> None:
    home = Home(tmp_path)
    left = tmp_path / "supervisor" / "drivers" / "driver-x.conf"
    left.parent.mkdir(parents=True)
    left.touch()
    parser = configparser.RawConfigParser()
    parser.read(command_of(DRIVERS, home)[-1])
    assert not left.exists()
    assert [name for name in parser.sections() if name.startswith("program:")] == []


def test_drivers_are_not_well_without_a_supervisord(tmp_path: Path) -> None:
    assert not is_healthy(DRIVERS, Home(tmp_path), {})


def test_jars_are_the_image_s_also_after_another_image(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    for image in ("old", "new"):
        link_jars(home, tmp_path / image)
    assert home.jars("spark").parent.readlink() == tmp_path / "new"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TIDELINE_WEB_PORT": "9"}, "http://127.0.0.1:9"),
        ({"TIDELINE_WEB_PORT": "9", "TIDELINE_WEB_URL": "https://x/air"}, "https://x/air"),
    ],
)
def test_a_browser_has_an_address_of_its_own(tmp_path: Path, environ: dict[str, str], expected: str) -> None:
    assert part_environment(Home(tmp_path), environ)["AIRFLOW__API__BASE_URL"] == expected
