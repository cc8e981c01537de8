"""The `.env` of compose: made once, kept as it is, for its owner alone."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.platform.env_file import PASSWORDS, PORTS, EnvFile, ensure_env_file, require_free_ports
from tideline.platform.ports import holder


def test_passwords_are_made_and_no_two_are_alike(tmp_path: Path) -> None:
    ensure_env_file(tmp_path / "a")
    ensure_env_file(tmp_path / "b")
    made = [EnvFile.read(tmp_path / name).values[password] for name in "ab" for password in PASSWORDS]
    assert len(set(made)) == 6 and all(len(password) >= 24 for password in made)


def test_nobody_else_can_read_it_whoever_made_it(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("TIDELINE_API_PORT=8\n")
    file.chmod(0o644)
    ensure_env_file(file)
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_there_stays_and_what_lacks_is_added(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nTIDELINE_ADMIN_PASSWORD='of my own'\nOTHER=1")
    added = ensure_env_file(file)
    assert added == [name for name in (*PASSWORDS, *PORTS) if name != "TIDELINE_ADMIN_PASSWORD"]
    assert file.read_text().startswith("# mine\nTIDELINE_ADMIN_PASSWORD='of my own'\nOTHER=1\n")
    assert EnvFile.read(file).values["TIDELINE_ADMIN_PASSWORD"] == "of my own"


def test_a_password_that_is_empty_is_made_and_what_a_shell_would_export_is_known(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("TIDELINE_ADMIN_PASSWORD=\nexport TIDELINE_API_PORT=18081\n")
    assert ensure_env_file(file) == [name for name in (*PASSWORDS, *PORTS) if name != "TIDELINE_API_PORT"]
    values = EnvFile.read(file).values
    assert (len(values["TIDELINE_ADMIN_PASSWORD"]) >= 24, values["TIDELINE_API_PORT"]) == (True, "18081")


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    ensure_env_file(tmp_path / ".env")
    before = (tmp_path / ".env").read_bytes()
    assert ensure_env_file(tmp_path / ".env") == []
    assert (tmp_path / ".env").read_bytes() == before


def test_a_line_that_is_no_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nnonsense\n")
    with pytest.raises(UserError, match="line 2: 'nonsense'"):
        ensure_env_file(tmp_path / ".env")


@pytest.mark.parametrize(("environ", "expected"), [({}, 2), ({"TIDELINE_API_PORT": "3"}, 3)])
def test_the_environment_goes_before_the_file_as_compose_has_it(
    tmp_path: Path, environ: dict[str, str], expected: int
) -> None:
    (tmp_path / ".env").write_text("TIDELINE_API_PORT=2\n")
    assert EnvFile.read(tmp_path / ".env").port("TIDELINE_API_PORT", environ) == expected


def test_a_port_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TIDELINE_API_PORT=http\n")
    with pytest.raises(UserError, match="TIDELINE_API_PORT is 'http'"):
        require_free_ports(EnvFile.read(tmp_path / ".env"), {})


def test_a_taken_port_is_named_with_its_holder_and_the_variable(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        with pytest.raises(UserError) as refused:
            require_free_ports(EnvFile(tmp_path / ".env", {"TIDELINE_GRAFANA_PORT": str(port)}), {})
        expected = f"TIDELINE_GRAFANA_PORT: port {port} is taken by {holder(port)}"
    assert expected in refused.value.message.splitlines()
    assert str(tmp_path / ".env") in refused.value.fix
