"""docker-compose.yaml and the Dockerfile, held to what they promise without an engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tideline.exporter.scrape_config import Monitoring, scrape_config
from tideline.home import CHECKOUT, notify_file, spec_folder
from tideline.kafka_file import kafka_file
from tideline.platform.broker import properties
from tideline.platform.container import PARTS
from tideline.platform.env_file import PASSWORDS, PORTS
from tideline.settings import Settings

TEXT = (CHECKOUT / "docker-compose.yaml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
ONCE = {"init", "topics"}
OWN = {"api-server", "scheduler", "dag-processor", "triggerer", "drivers", "exporter"}
OTHERS = {"kafka", "postgres", "prometheus", "pushgateway", "grafana"}
PINNED = re.compile(
    r"\$\{TIDELINE_\w+_IMAGE:-[\w./-]+:v?\d+\.\d+(\.\d+)?\}|\$\{TIDELINE_IMAGE:-tideline:\d+\.\d+\.\d+\}"
)
# What one machine binds and names otherwise than a network of containers does.
ELSEWHERE = {"listeners", "advertised.listeners", "controller.quorum.voters", "log.dirs"}


def test_every_service_that_is_promised_is_there() -> None:
    assert set(SERVICES) == ONCE | OWN | OTHERS


def test_every_part_has_a_container_of_its_own() -> None:
    assert sorted(SERVICES[name]["environment"]["TIDELINE_PART"] for name in OWN) == sorted(PARTS)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_lasting_service_has_a_health_check_and_what_runs_once_is_waited_for(name: str) -> None:
    if name in ONCE:
        waits = [each["depends_on"][name] for each in SERVICES.values() if name in each.get("depends_on", {})]
        assert waits and all(wait == {"condition": "service_completed_successfully"} for wait in waits)
        assert SERVICES[name]["restart"] == "no"
    else:
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
        assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_images_are_pinned_and_can_be_named(name: str) -> None:
    assert PINNED.fullmatch(SERVICES[name]["image"])


def test_ports_are_those_of_the_env_file_and_on_the_loopback_interface() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    found = [re.fullmatch(r"127\.0\.0\.1:\$\{(\w+):-(\d+)\}:\d+", port) for port in ports]
    assert {match[1]: int(match[2]) for match in found if match} == PORTS
    assert all(found)


def test_no_password_has_a_value_and_compose_starts_without_none() -> None:
    used = re.findall(r"\$\{(\w*PASSWORD\w*)([^}]*)\}", TEXT)
    assert {name for name, _ in used} == set(PASSWORDS)
    assert all(rest.startswith(":?") and "make env" in rest for _, rest in used)
    values = [str(value) for service in SERVICES.values() for value in service.get("environment", {}).values()]
    assert not [value for value in values if "PASSWORD" in value and not value.startswith("${")]


def test_every_volume_is_named_or_a_folder_of_the_checkout_that_is_only_read() -> None:
    volumes = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    named = {volume.split(":")[0] for volume in volumes if not volume.startswith(".")}
    mounted = [volume.split(":") for volume in volumes if volume.startswith(".")]
    assert named == set(FILE["volumes"])
    # A file that was mounted by itself would stay the old one when an editor or git replaces it.
    assert all((CHECKOUT / source).is_dir() and rest[-1] == "ro" for source, *rest in mounted)


@pytest.mark.parametrize("name", sorted(OWN | ONCE))
def test_what_is_to_be_edited_is_read_where_the_checkout_is_mounted(name: str) -> None:
    service = SERVICES[name]
    ((source, mounted),) = [volume.split(":")[:2] for volume in service["volumes"] if volume.startswith(".")]
    environment = service["environment"]
    files = [find(environment) for find in (spec_folder, kafka_file, notify_file)]
    own = [find({}) for find in (spec_folder, kafka_file, notify_file)]
    assert [CHECKOUT / source / file.relative_to(mounted) for file in files] == own


def test_there_is_one_network_and_nothing_is_outside_of_it() -> None:
    assert list(FILE["networks"]) == ["tideline"]
    assert all(service["networks"] == ["tideline"] for service in SERVICES.values())


@pytest.mark.parametrize("name", sorted(OWN | ONCE))
def test_our_containers_have_no_privileges(name: str) -> None:
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


def test_the_broker_is_set_as_on_one_machine() -> None:
    lines = properties(Settings(), Path("/data")).splitlines()
    expected = dict(line.split("=", 1) for line in lines if "threads" not in line)
    environment = SERVICES["kafka"]["environment"]
    found = {name.removeprefix("KAFKA_").lower().replace("_", "."): value for name, value in environment.items()}
    assert {key: found.get(key) for key in expected.keys() - ELSEWHERE} == {
        key: value for key, value in expected.items() if key not in ELSEWHERE
    }


def test_prometheus_is_told_of_the_containers_as_tideline_monitoring_would() -> None:
    told = scrape_config(Monitoring("exporter:18081", "/etc/prometheus/rules/*.yml", "pushgateway:9091"))
    assert yaml.safe_load((CHECKOUT / "include/prometheus/compose.yml").read_text()) == told


def test_the_image_is_by_lock_without_root_and_watched() -> None:
    final = DOCKERFILE.split("FROM ${BASE}\n")[-1]
    assert "ARG BASE=python:3.11-slim-bookworm" in DOCKERFILE
    assert DOCKERFILE.count("--require-hashes") == 2 and "pip install" not in final
    assert re.search(r"^USER tideline$", final, re.MULTILINE) and "HEALTHCHECK" in final and "LABEL" in final


def test_the_context_is_what_is_named_and_nothing_else() -> None:
    lines = [line for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    named = {line.removeprefix("!") for line in lines[1:] if line.startswith("!")}
    folders = {"dags", "docs/runbooks", "include", "jobs", "plugins"}
    assert named == {"README.md", "pyproject.toml", "requirements.lock"} | folders
