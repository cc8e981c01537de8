"""Where the parts are that need not be on this machine, and what then is not started here."""

from __future__ import annotations

from configparser import RawConfigParser
from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.home import Home
from tideline.hosts import Hosts
from tideline.platform.airflow_parts import configure
from tideline.platform.environment import environment, without_passwords
from tideline.platform.java import JavaHome
from tideline.platform.keys import ensure_keys
from tideline.platform.services import SERVICES, chosen
from tideline.settings import Settings

AWAY = {
    "TIDELINE_DATABASE_HOST": "postgres",
    "TIDELINE_DATABASE_PORT": "5432",
    "TIDELINE_DATABASE_PASSWORD": "a/b@c%d",
    "TIDELINE_KAFKA_SERVERS": "kafka:9092",
    "TIDELINE_API_URL": "http://airflow-api:8080/",
    "TIDELINE_BIND": "0.0.0.0",
}


def test_all_is_on_this_machine_unless_it_is_said() -> None:
    assert Hosts.load({}) == Hosts("127.0.0.1", "127.0.0.1", "")
    assert Hosts.load(dict.fromkeys(AWAY, "")) == Hosts()


def test_what_is_elsewhere_is_reached_there_and_not_started_here(tmp_path: Path) -> None:
    settings = Settings.load(Home(tmp_path), AWAY)
    assert settings.registry_url == "postgresql+psycopg://tideline:a%2Fb%40c%25d@postgres:5432/tideline"
    assert (settings.api_url, settings.kafka.servers) == ("http://airflow-api:8080", "kafka:9092")
    assert settings.elsewhere == {"database", "broker"}
    assert chosen((), settings.elsewhere) == tuple(name for name in SERVICES if name not in ("database", "broker"))
    assert chosen(["api_server"], settings.elsewhere) == ("api_server",)


def test_airflow_listens_where_it_is_told_and_is_reached_where_it_is(tmp_path: Path) -> None:
    configure(Home(tmp_path), Settings.load(Home(tmp_path), AWAY), ensure_keys(Home(tmp_path)))
    parser = RawConfigParser()
    parser.read(tmp_path / "airflow" / "airflow.cfg")
    assert (parser["api"]["host"], parser["api"]["base_url"]) == ("0.0.0.0", "http://airflow-api:8080")
    assert parser["core"]["execution_api_server_url"] == "http://airflow-api:8080/execution/"


def test_a_password_is_the_environments_a_files_or_the_one_that_up_made(tmp_path: Path) -> None:
    home, file = Home(tmp_path), tmp_path / "secret"
    file.write_text("of a file\n")
    made = ensure_keys(home).database_password
    by_file = {"TIDELINE_DATABASE_PASSWORD_FILE": str(file)}
    assert Settings.load(home, {}).database_password == made
    assert Settings.load(home, by_file).database_password == "of a file"
    assert Settings.load(home, by_file | {"TIDELINE_DATABASE_PASSWORD": "x"}).database_password == "x"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("TIDELINE_DATABASE_HOST", "postgres:5432"),
        ("TIDELINE_DATABASE_HOST", "a b"),
        ("TIDELINE_BIND", "everywhere"),
        ("TIDELINE_BIND", "127.0.0"),
        ("TIDELINE_API_URL", "airflow:8080"),
        ("TIDELINE_API_URL", "ftp://airflow"),
        ("TIDELINE_API_URL", "http://airflow:port"),
        ("TIDELINE_DATABASE_PASSWORD_FILE", "/no/such/file"),
    ],
)
def test_what_says_nothing_of_use_is_named(tmp_path: Path, variable: str, text: str) -> None:
    with pytest.raises(UserError, match=variable) as error:
        Settings.load(Home(tmp_path), {variable: text})
    assert error.value.fix


def test_other_hosts_are_reached_without_a_proxy(tmp_path: Path) -> None:
    given = environment(Home(tmp_path), JavaHome(Path("/java")), AWAY)
    assert given["NO_PROXY"].split(",") == ["127.0.0.1", "localhost", "postgres", "airflow-api"]


def test_a_driver_is_given_no_password(tmp_path: Path) -> None:
    secrets = {"TIDELINE_KAFKA_PASSWORD": "s1", "TIDELINE_OWN_PASSWORD_2": "s2", "TIDELINE_KAFKA_USERNAME": "u"}
    given = environment(Home(tmp_path), JavaHome(Path("/java")), {**AWAY, **secrets})
    kept = without_passwords(given)
    assert {name for name in given if name not in kept} == {
        "TIDELINE_KAFKA_PASSWORD",
        "TIDELINE_OWN_PASSWORD_2",
        "TIDELINE_DATABASE_PASSWORD",
    }


def test_the_parts_are_told_what_is_the_users_by_whole_paths(tmp_path: Path) -> None:
    own = {"TIDELINE_STREAMS": "streams", "TIDELINE_KAFKA": "kafka.yaml", "TIDELINE_NOTIFY": "notify.yaml"}
    given = environment(Home(tmp_path), JavaHome(Path("/java")), own)
    assert {name: Path(given[name]) for name in own} == {name: Path.cwd() / place for name, place in own.items()}
