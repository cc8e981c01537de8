"""What Prometheus is told of where to look. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tideline.errors import UserError

INTERVAL: Final = "10s"
"""How often a driver is asked, and how soon a new one is found."""


@dataclass(frozen=True)
class Monitoring:
    """Addresses (host:port) of the platform's exporter, and of a Pushgateway and an Alertmanager if there are; the
    files of rules as Prometheus finds them."""

    exporter: str
    rules: str
    pushgateway: str | None = None
    alertmanager: str | None = None


def scrape_config(monitoring: Monitoring) -> dict[str, Any]:
    """The whole of a prometheus.yml. A driver's series keep their instance when it is replaced: its stream."""
    drivers = {
        "job_name": "tideline_drivers",
        "honor_labels": True,  # they say `stream` themselves
        "http_sd_configs": [{"url": f"http://{monitoring.exporter}/targets", "refresh_interval": INTERVAL}],
        "relabel_configs": [{"source_labels": ["stream"], "target_label": "instance"}],
    }
    jobs = [drivers, {"job_name": "tideline_platform", "static_configs": _only(monitoring.exporter)}]
    if monitoring.pushgateway:
        pushed = {"job_name": "tideline_pushgateway", "honor_labels": True}
        jobs.append({**pushed, "static_configs": _only(monitoring.pushgateway)})
    config: dict[str, Any] = {
        "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
        "rule_files": [monitoring.rules],
        "scrape_configs": jobs,
    }
    if monitoring.alertmanager:
        config["alerting"] = {"alertmanagers": [{"static_configs": _only(monitoring.alertmanager)}]}
    return config


def _only(address: str) -> list[dict[str, list[str]]]:
    return [{"targets": [address]}]


def require_address(option: str, text: str) -> str:
    """`host:port` as it is; UserError for anything else."""
    host, _, port = text.rpartition(":")
    if not (host and host.isprintable() and not set(host) & set("/ ") and port.isdecimal() and 0 < int(port) < 65536):
        raise UserError(f"{option} '{text}' is no address", "write a host and a port, such as 127.0.0.1:9091")
    return text
