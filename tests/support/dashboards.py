"""The dashboards as files, and what their panels ask Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from support.records import CHECKOUT

GRAFANA: Final = CHECKOUT / "include" / "grafana"
FOLDER: Final = GRAFANA / "dashboards"
_NO_NAMES: Final = re.compile(r'"[^"]*"|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right) *\([^)]*\)')
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?! *\()(?![a-zA-Z0-9_:])")
_WORDS: Final = frozenset({"and", "or", "unless", "bool", "offset", "on", "by"})
Dashboard = dict[str, Any]
Panel = dict[str, Any]


@dataclass(frozen=True)
class PanelQuery:
    """One query of a panel, as Prometheus gets it."""

    dashboard: str
    panel: str
    expression: str

    def __str__(self) -> str:
        return f"{self.dashboard}, {self.panel}: {self.expression}"


def dashboards() -> dict[str, Dashboard]:
    """By the name of their file."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def panels(dashboard: Dashboard) -> Iterator[Panel]:
    """All of them, those within rows too."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def panel_queries(stream: str) -> list[PanelQuery]:
    """Every query of every panel, with the variable that names the stream filled in."""
    return [
        PanelQuery(name, panel["title"], target["expr"].replace("$stream", stream))
        for name, dashboard in dashboards().items()
        for panel in panels(dashboard)
        for target in panel.get("targets", ())
    ]


def series_in(expression: str) -> set[str]:
    """The names of the series that a PromQL expression asks for."""
    bare = re.sub(r"\{[^}]*\}", " ", _NO_NAMES.sub(" ", expression))
    return {name for name in _NAME.findall(bare) if name not in _WORDS and not re.fullmatch(r"[eE]\d*|[a-z]", name)}
