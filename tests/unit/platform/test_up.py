from __future__ import annotations

from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.home import Home
from tideline.platform.up import require_plain_path, up


def test_a_home_whose_path_tables_cannot_lie_in_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    home = Home(tmp_path / "my%20home")
    with pytest.raises(UserError, match="my%20home: '%20'") as error:
        up(home)
    assert ("TIDELINE_HOME" in error.value.fix, home.root.exists()) == (True, False)


@pytest.mark.parametrize("name", ["plain", "100%", "a b", "a%zz"])
def test_other_paths_are_taken(tmp_path: Path, name: str) -> None:
    require_plain_path(Home(tmp_path / name))


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="home cannot be written: Not a directory") as error:
        up(Home(tmp_path / "file" / "home"))
    assert "TIDELINE_HOME" in error.value.fix
