"""The configuration that `tideline monitoring render` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from support.promtool import promtool
from tideline.cli.main import app
from tideline.errors import UserError
from tideline.exporter.scrape_config import Monitoring, require_address, scrape_config


def job(config: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in config["scrape_configs"] if each["job_name"] == name)
    return dict(found)


def test_drivers_are_found_by_the_platforms_exporter() -> None:
    drivers = job(scrape_config(Monitoring("127.0.0.1:1", "r/*.yml")), "tideline_drivers")
    assert drivers["http_sd_configs"][0]["url"] == "http://127.0.0.1:1/targets"
    assert drivers["honor_labels"]
    assert "static_configs" not in drivers


def test_a_gateway_and_an_alertmanager_are_there_if_they_are_named() -> None:
    plain = scrape_config(Monitoring("a:1", "r"))
    full = scrape_config(Monitoring("a:1", "r", pushgateway="b:2", alertmanager="c:3"))
    assert [each["job_name"] for each in plain["scrape_configs"]] == ["tideline_drivers", "tideline_platform"]
    assert job(full, "tideline_pushgateway")["honor_labels"]
    assert ("alerting" in plain, "alerting" in full) == (False, True)


@pytest.mark.parametrize("text", ["", "9091", ":9091", "host:", "host:0", "host:99999", "http://h:1/x", "a b:1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--pushgateway"):
        require_address("--pushgateway", text)


def test_the_command_writes_what_prometheus_takes(tmp_path: Path) -> None:
    home = {"TIDELINE_HOME": str(tmp_path / "home"), "TIDELINE_EXPORTER_PORT": "4711"}
    told = CliRunner().invoke(
        app, ["monitoring", "render", "--to", str(tmp_path / "to"), "--rules", "x/*.yml"], env=home
    )
    assert told.exit_code == 0, told.output
    file = tmp_path / "to" / "prometheus.yml"
    platform = job(yaml.safe_load(file.read_text()), "tideline_platform")
    assert platform["static_configs"] == [{"targets": ["127.0.0.1:4711"]}]
    assert promtool("check", "config", str(file)) == ""


def test_a_place_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = CliRunner().invoke(app, ["monitoring", "render", "--to", str(tmp_path / "file")])
    assert isinstance(done.exception, UserError)
    assert ("prometheus.yml cannot be written" in done.exception.message, "--to" in done.exception.fix) == (True, True)
