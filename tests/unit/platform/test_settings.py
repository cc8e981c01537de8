"""Which port is used, and what must not be shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.platform.keys import ensure_keys, password_file
from tideline.settings import Ports, Settings, keep_ports, kept_ports, keys_file


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    settings = Settings.load(Home(tmp_path), {})
    assert settings.kafka == KafkaAccess("127.0.0.1:19092")
    assert settings.api_url == "http://127.0.0.1:18080"


def test_the_ports_of_the_last_up_are_used_again(tmp_path: Path) -> None:
    ports = Ports(database=1, broker=2, controller=3, api=4, exporter=5)
    keep_ports(Home(tmp_path), ports)
    assert kept_ports(Home(tmp_path)) == ports
    assert Settings.load(Home(tmp_path), {}).ports == ports


@pytest.mark.parametrize("name", ["database", "broker", "controller", "api", "exporter"])
def test_the_environment_wins(tmp_path: Path, name: str) -> None:
    keep_ports(Home(tmp_path), Ports())
    settings = Settings.load(Home(tmp_path), {f"TIDELINE_{name.upper()}_PORT": "4711"})
    assert getattr(settings.ports, name) == 4711


@pytest.mark.parametrize("text", ["0", "65536", "-1", "broker", "1.5", " 1"])
def test_what_is_no_port_is_an_error_that_names_the_variable(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="TIDELINE_BROKER_PORT"):
        Settings.load(Home(tmp_path), {"TIDELINE_BROKER_PORT": text})


def test_a_broken_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "platform.json").write_text("{")
    with pytest.raises(UserError, match=r"platform\.json"):
        Settings.load(Home(tmp_path), {})


def test_the_password_is_in_the_addresses_and_not_in_the_text(tmp_path: Path) -> None:
    keys = ensure_keys(Home(tmp_path))
    settings = Settings.load(Home(tmp_path), {})
    secret = keys.database_password
    assert settings.registry_url == f"postgresql+psycopg://tideline:{secret}@127.0.0.1:15432/tideline"
    assert settings.airflow_url == f"postgresql+psycopg://tideline:{secret}@127.0.0.1:15432/airflow"
    assert settings.airflow_async_url.startswith("postgresql+psycopg_async://")
    assert secret not in repr(settings) + repr(keys)


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert ensure_keys(home) == ensure_keys(home)
    assert [file(home).stat().st_mode & 0o777 for file in (keys_file, password_file)] == [0o600, 0o600]


def test_a_file_of_the_platform_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    keys_file(Home(tmp_path)).mkdir()
    with pytest.raises(UserError, match=r"keys\.json cannot be read: Is a directory"):
        Settings.load(Home(tmp_path), {})
