"""The pages about streams: how all are, how one is, and where its driver's Spark UI, log and checkpoint are.

Only the web server imports this, at its first request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, Template

from tideline.home import StreamHome
from tideline.keeper.checkpoint_view import view_checkpoint
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.heartbeat import read_heartbeat
from tideline.keeper.last_words import last_lines
from tideline.keeper.lifecycle import LIVE
from tideline.keeper.report import open_registry, recent_transitions, stream_rows
from tideline.registry.rows import StreamRow, UnknownStream
from tideline.times import iso_ms
from tideline_airflow.installation import Installation
from tideline_airflow.links import CHECKPOINT, DRIVER_LOG, SPARK_UI, STREAMS

KEEPER_DAG: Final = "keep_streams"
"""Who may see this DAG may see the streams, and who may read its logs their drivers'."""
LOG_LINES: Final = 2_000
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def new_router() -> APIRouter:
    """The routes of an installation, which is looked up at each request."""
    sees = [Depends(requires_access_dag("GET", param_dag_id=KEEPER_DAG))]
    reads_logs = [Depends(requires_access_dag("GET", DagAccessEntity.TASK_LOGS, KEEPER_DAG))]
    router = APIRouter(prefix=STREAMS)

    @router.get("", dependencies=sees)
    def all_streams(request: Request) -> HTMLResponse:
        """A row a stream."""
        return HTMLResponse(fleet_page(_base(request.scope)), headers=_HEADERS)

    @router.get("/{stream}", dependencies=sees)
    def one_stream(request: Request, stream: str) -> HTMLResponse:
        """How it is, and its newest transitions."""
        return HTMLResponse(stream_page(_base(request.scope), stream), headers=_HEADERS)

    @router.get("/{stream}/" + SPARK_UI, dependencies=sees)
    def spark_ui(stream: str) -> RedirectResponse:
        """To the Spark UI of the driver that the stream has now."""
        return RedirectResponse(spark_ui_of(stream), headers=_HEADERS)

    @router.get("/{stream}/" + DRIVER_LOG, dependencies=reads_logs)
    def driver_log(stream: str) -> PlainTextResponse:
        """The end of the newest driver's log."""
        lines = last_lines(_home(stream).log, LOG_LINES)
        return PlainTextResponse("".join(f"{line}\n" for line in lines), headers=_HEADERS)

    @router.get("/{stream}/" + CHECKPOINT, dependencies=sees)
    def checkpoint(stream: str) -> JSONResponse:
        """Where it is, its last commit and how far that got; times are epoch milliseconds."""
        return JSONResponse(checkpoint_of(stream), headers=_HEADERS)

    return router


def fleet_page(base: str) -> str:
    """HTML of all streams; `base` is the path that the links begin with."""
    return stream_template().render(title="Streams", base=base, rows=_rows())


def stream_page(base: str, stream: str) -> str:
    """HTML of one stream; 404 for one that was never deployed."""
    rows = [row for row in _rows() if row["name"] == stream]
    if not rows:
        raise _not_found(stream)
    steps = recent_transitions(Installation.from_env().settings, stream)
    told = [asdict(step) | {"at": iso_ms(step.at)} for step in steps]
    return stream_template().render(title=f"Stream {stream}", base=base, rows=rows, transitions=told)


def spark_ui_of(stream: str) -> str:
    """Where the driver's Spark UI is; 404 while the stream has no driver that lives."""
    row = _row(stream)
    if url := _ui(row):
        return url
    raise HTTPException(404, f"stream '{stream}' is {row.state.value}: it has no driver with a Spark UI")


def checkpoint_of(stream: str) -> dict[str, Any]:
    """What is known of the checkpoint of the stream's generation."""
    row = _row(stream)
    folder = Installation.from_env().home.stream(stream).checkpoint(row.generation)
    seen = view_checkpoint(folder, parse_deployed(row.spec).topic)
    return {"folder": str(folder), "generation": row.generation, **asdict(seen)}


def _rows() -> list[Mapping[str, Any]]:
    installation = Installation.from_env()
    with open_registry(installation.settings) as registry:
        have_ui = {row.name for row in registry.streams() if _ui(row)}
    return [row | {"has_ui": row["name"] in have_ui} for row in stream_rows(installation.home, installation.settings)]


def _row(stream: str) -> StreamRow:
    with open_registry(Installation.from_env().settings) as registry:
        try:
            return registry.stream(stream)
        except UnknownStream:
            raise _not_found(stream) from None


def _home(stream: str) -> StreamHome:
    return Installation.from_env().home.stream(_row(stream).name)


def _ui(row: StreamRow) -> str | None:
    """By the word of the stream's own driver, not of one before it."""
    beat = read_heartbeat(Installation.from_env().home.stream(row.name).heartbeat)
    return beat.ui if beat and beat.epoch == row.epoch and row.state in LIVE else None


def _not_found(stream: str) -> HTTPException:
    return HTTPException(404, f"no stream '{stream}' was deployed")


def _base(scope: Mapping[str, Any]) -> str:
    return f"{scope.get('root_path', '')}{STREAMS}"


@cache
def stream_template() -> Template:
    """Of the page that shows streams; a name becomes a path's step by the filter `step`."""
    pages = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
    pages.filters["step"] = partial(quote, safe="")
    return pages.get_template("streams.html")
