"""The pages about streams: how all are, how one is, and where its driver's Spark UI, log and checkpoint are.

Only the web server imports this, at its first request.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from tideline.keeper.checkpoint_view import UNREADABLE, view_checkpoint
from tideline.keeper.deployed import readable, topic_of
from tideline.keeper.last_words import last_lines
from tideline_airflow.installation import Installation
from tideline_airflow.links import CHECKPOINT, DRIVER_LOG, PARTS, SPARK_UI, STREAMS
from tideline_airflow.page_answers import unless_known
from tideline_airflow.page_headers import PAGE, PLAIN
from tideline_airflow.page_looks import (
    fleet_look,
    has_data_docs,
    not_found,
    place_of,
    series,
    specs_of,
    stream_row,
    stream_view,
)
from tideline_airflow.page_templates import render, tag_of

KEEPER_DAG: Final = "keep_streams"
"""Who may see this DAG may see the streams, and who may read its logs their drivers'."""
SEES: Final = [Depends(requires_access_dag("GET", param_dag_id=KEEPER_DAG))]
READS_LOGS: Final = [Depends(requires_access_dag("GET", DagAccessEntity.TASK_LOGS, KEEPER_DAG))]
LOG_LINES: Final = 2_000


def new_router() -> APIRouter:
    """The routes of an installation, which is looked up at each request."""
    router = APIRouter(dependencies=SEES)

    @router.get(STREAMS)
    def all_streams(request: Request) -> HTMLResponse:
        """A row a stream."""
        fleet = fleet_look().fleet()
        page = render("fleet.html", place_of(request), title="Streams", fleet=fleet, etag=tag_of(fleet))
        return HTMLResponse(page, headers=PAGE)

    @router.get(PARTS)
    def rows(request: Request) -> Response:
        """The rows alone, if they are others than the browser has."""
        fleet, place = fleet_look().fleet(), place_of(request)
        return unless_known(request, tag_of(fleet), lambda: render("fleet_rows.html", place, fleet=fleet))

    @router.get(STREAMS + "/{stream}")
    def one_stream(request: Request, stream: str, user: GetUserDep) -> HTMLResponse:
        """How it is, how it came there, and what its tables hold."""
        view, text = stream_view(stream, user), stream_row(stream).spec
        values: dict[str, Any] = {"title": f"Stream {stream}", "view": view, "etag": tag_of(view)}
        values |= {"spec": readable(text)[0], "spec_text": text}
        values |= {"history": specs_of(stream), "data_docs": has_data_docs(stream)}
        return HTMLResponse(render("stream.html", place_of(request), **values), headers=PAGE)

    @router.get(PARTS + "/{stream}")
    def head(request: Request, stream: str, user: GetUserDep) -> Response:
        """What changes of a stream's page, if it is other than the browser has."""
        view, place = stream_view(stream, user), place_of(request)
        return unless_known(request, tag_of(view), lambda: render("stream_head.html", place, view=view))

    @router.get(PARTS + "/{stream}/samples")
    def samples(stream: str) -> JSONResponse:
        """What the charts show: times in epoch ms, spans in seconds."""
        return JSONResponse(series(stream), headers=PLAIN)

    @router.get(STREAMS + "/{stream}/" + SPARK_UI)
    def spark_ui(stream: str) -> RedirectResponse:
        """To the Spark UI of the driver that the stream has now."""
        return RedirectResponse(spark_ui_of(stream), headers=PLAIN)

    @router.get(STREAMS + "/{stream}/" + DRIVER_LOG, dependencies=READS_LOGS)
    def driver_log(stream: str) -> PlainTextResponse:
        """The end of the newest driver's log."""
        lines = last_lines(Installation.from_env().home.stream(stream_row(stream).name).log, LOG_LINES)
        return PlainTextResponse("".join(f"{line}\n" for line in lines), headers=PLAIN)

    @router.get(STREAMS + "/{stream}/" + CHECKPOINT)
    def checkpoint(stream: str) -> JSONResponse:
        """Where it is, its last commit and how far that got; times are epoch milliseconds."""
        return JSONResponse(checkpoint_of(stream), headers=PLAIN)

    return router


def spark_ui_of(stream: str) -> str:
    """Where the driver's Spark UI is; 404 while the stream has no driver that lives."""
    seen = fleet_look().seen(stream_row(stream))
    if seen.ui:
        return seen.ui
    raise not_found(f"stream '{stream}' is {seen.row.state.value}: it has no driver with a Spark UI")


def checkpoint_of(stream: str) -> dict[str, Any]:
    """What is known of the checkpoint of the stream's generation; 409 where it cannot be read."""
    row = stream_row(stream)
    folder = Installation.from_env().home.stream(stream).checkpoint(row.generation)
    try:
        seen = view_checkpoint(folder, topic_of(row.spec))
    except UNREADABLE as error:
        raise HTTPException(409, f"the checkpoint {folder} cannot be read: {error}") from error
    return {"folder": str(folder), "generation": row.generation, **asdict(seen)}
