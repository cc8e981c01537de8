"""No Grafana: reads what is provisioned as Grafana would, and answers for its health when all of it is well formed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import yaml

PROVISIONING = Path("/etc/grafana/provisioning")


def problems(environ: Mapping[str, str]) -> Iterator[str]:
    if not environ.get("GF_SECURITY_ADMIN_PASSWORD"):
        yield "there is no password"
    sources = [source for file in provisioned("datasources") for source in file["datasources"]]
    uids = {source["uid"] for source in sources}
    yield from (f"{source['name']} names no Prometheus" for source in sources if source["type"] != "prometheus")
    if not sources:
        yield "there is no data source"
    folders = [Path(each["options"]["path"]) for file in provisioned("dashboards") for each in file["providers"]]
    boards = [file for folder in folders for file in sorted(folder.rglob("*.json"))]
    if not boards:
        yield "there is no dashboard"
    for board in boards:
        yield from dashboard_problems(board, uids)


def dashboard_problems(file: Path, uids: set[str]) -> Iterator[str]:
    board = json.loads(file.read_text())
    if not (board.get("uid") and board.get("title") and board.get("panels")):
        yield f"{file} has no uid, title or panels"
    for panel in board.get("panels", []):
        source = (panel.get("datasource") or {}).get("uid", "")
        if source and not source.startswith("$") and source not in uids:
            yield f"{file}: a panel asks {source}, which is not provisioned"


def provisioned(kind: str) -> list[dict[str, Any]]:
    files = sorted((PROVISIONING / kind).glob("*.y*ml"))
    return [yaml.safe_load(file.read_text()) for file in files]


class Health(BaseHTTPRequestHandler):
    """What compose's health check asks."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()


def main() -> None:
    sys.stdout.write("this stands in for Grafana: it draws nothing\n")
    if found := list(problems(os.environ)):
        sys.exit("\n".join(found))
    sys.stdout.write("data sources and dashboards can be read\n")
    sys.stdout.flush()
    HTTPServer(("0.0.0.0", 3000), Health).serve_forever()


if __name__ == "__main__":
    main()
