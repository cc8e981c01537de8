"""The `.env` of compose: made once, kept as it is, for its owner alone."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.home import Home
from tideline.platform.env_file import PASSWORDS, PORTS, EnvFile, ensure_env_file, require_free_ports, with_ports
from tideline.platform.ports import holder
from tideline.settings import Ports, Settings, keep_ports


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


def test_a_port_that_our_own_container_holds_is_no_hindrance(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        file = EnvFile(tmp_path / ".env", {name: str(port) for name in PORTS})
        require_free_ports(file, {}, {port})
        with pytest.raises(UserError, match=f"port {port} is taken"):
            require_free_ports(file, {}, {port + 1})


def up_finds(checkout: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    """The settings by which `tideline up` would start the platform of a checkout that has this `.env`."""
    (checkout / ".env").write_text(text)
    home = Home(checkout.resolve() / ".tideline")
    return Settings.load(home, with_ports(home, environ or {}, checkout))


def test_the_ports_of_the_file_are_those_of_the_platform_too(tmp_path: Path) -> None:
    ports = up_finds(
        tmp_path, "TIDELINE_API_PORT=4711\nTIDELINE_EXPORTER_PORT=4712\nTIDELINE_GRAFANA_PORT=4713\n"
    ).ports
    assert ports == replace(Ports(), api=4711, exporter=4712)


def test_the_environment_goes_before_the_file_for_the_platform(tmp_path: Path) -> None:
    assert up_finds(tmp_path, "TIDELINE_API_PORT=4711\n", {"TIDELINE_API_PORT": "18080"}).ports == Ports()


def test_a_file_as_it_is_made_changes_nothing(tmp_path: Path) -> None:
    home, kept = Home(tmp_path.resolve() / ".tideline"), Ports(1, 2, 3, 4, 5)
    home.root.mkdir()
    keep_ports(home, kept)
    ensure_env_file(tmp_path / ".env")
    assert with_ports(home, {"A": "1"}, tmp_path) == {"A": "1"}
    assert up_finds(tmp_path, (tmp_path / ".env").read_text()).ports == kept


def test_a_port_of_the_file_goes_before_the_one_that_was_kept(tmp_path: Path) -> None:
    home = Home(tmp_path.resolve() / ".tideline")
    home.root.mkdir()
    keep_ports(home, Ports(1, 2, 3, 4, 5))
    assert up_finds(tmp_path, "TIDELINE_BROKER_PORT=4711\n").ports == Ports(1, 4711, 3, 4, 5)


def test_nothing_but_ports_is_taken_from_the_file(tmp_path: Path) -> None:
    text = "TIDELINE_API_PORT=4711\nTIDELINE_DATABASE_PASSWORD=secret\nTIDELINE_DATABASE_HOST=elsewhere\n"
    found = up_finds(tmp_path, text)
    assert (found.database_password, found.hosts.database) == ("", "127.0.0.1")
    assert set(found.environ) == {"TIDELINE_API_PORT"}


def test_a_home_elsewhere_has_no_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("nonsense\n")
    assert with_ports(Home(tmp_path.resolve() / "other"), {"A": "1"}, tmp_path) == {"A": "1"}


def test_a_port_of_the_file_that_is_none_is_refused_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="TIDELINE_API_PORT is 'http'") as refused:
        up_finds(tmp_path, "TIDELINE_API_PORT=http\n")
    assert str(tmp_path / ".env") in refused.value.fix


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(UserError, match=r"\.env cannot be read"):
        EnvFile.read(tmp_path / ".env")


def test_a_place_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"\.env cannot be written"):
        ensure_env_file(tmp_path / "file" / ".env")
