"""Looks up what the pages show: of the installation that Airflow's web server was started with."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from fastapi import HTTPException, Request

from tideline.clock import now_ms
from tideline.gate.suites import DOCS
from tideline.keeper.deployed import readable
from tideline.keeper.report import open_registry
from tideline.page.acts import ACTS, buttons
from tideline.page.fleet_look import FleetLook, look_at_platform
from tideline.page.samples import series_of
from tideline.page.spec_history import SpecStep, newest_specs
from tideline.page.stream import LOOKED_AT_STEPS, StreamView, view_of
from tideline.registry.rows import StreamRow, UnknownStream
from tideline.spec.model import StreamSpec
from tideline_airflow.installation import Installation
from tideline_airflow.page_templates import Place

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

_DAY_MS: Final = 86_400_000


@cache
def fleet_look() -> FleetLook:
    """One for all requests: it keeps what takes long to look up."""
    installation = Installation.from_env()
    return look_at_platform(installation.home, installation.settings)


def place_of(request: Request) -> Place:
    return Place(str(request.scope.get("root_path", "")), now_ms())


def stream_row(stream: str) -> StreamRow:
    """404 for a stream that was never deployed."""
    with open_registry(Installation.from_env().settings) as registry:
        try:
            return registry.stream(stream)
        except UnknownStream:
            raise not_found(f"no stream '{stream}' was deployed") from None


def stream_view(stream: str, user: BaseUser) -> StreamView:
    """The head of its page, with the buttons that the user may press."""
    row = stream_row(stream)
    with open_registry(Installation.from_env().settings) as registry:
        steps = registry.transitions(stream, LOOKED_AT_STEPS)
    has_books = isinstance(readable(row.spec)[0], StreamSpec)
    may = may_trigger(user)
    offered = buttons(row.desired, may, has_books)
    return view_of(fleet_look().one(row), row, steps, offered, not may, now_ms())


def may_trigger(user: BaseUser) -> frozenset[str]:
    """The DAGs of the buttons that Airflow would let the user trigger."""
    manager = get_auth_manager()
    return frozenset(
        act.dag_id
        for act in ACTS
        if manager.is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=act.dag_id), user=user
        )
    )


def specs_of(stream: str) -> tuple[SpecStep, ...]:
    with open_registry(Installation.from_env().settings) as registry:
        return newest_specs(registry, stream)


def series(stream: str) -> dict[str, Any]:
    name = stream_row(stream).name
    with open_registry(Installation.from_env().settings) as registry:
        return dict(series_of(registry.samples(name, now_ms() - _DAY_MS)))


def has_data_docs(stream: str) -> bool:
    return (Installation.from_env().home.stream(stream).validations / DOCS / "index.html").is_file()


def not_found(what: str) -> HTTPException:
    return HTTPException(404, what)
