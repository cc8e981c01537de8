"""What Tideline adds to Airflow's web server, under `/tideline`: for users who are signed in.

The app is made at its first request. Every part of Airflow loads its plugins, and only the API server needs it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from tideline_airflow.links import DATA_DOCS
from tideline_airflow.page_headers import DOCS

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import FastAPI, Request
    from fastapi.responses import FileResponse, PlainTextResponse
    from starlette.types import Receive, Scope, Send


class LazyApp:
    """An ASGI application that is built when it is first called."""

    @cached_property
    def app(self) -> FastAPI:
        from tideline.home import Home

        return new_app(Home.from_env().root)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def new_app(root: Path) -> FastAPI:
    """The app of an installation whose home is `root`."""
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse

    from tideline.errors import UserError
    from tideline_airflow.page_answers import new_static_router
    from tideline_airflow.part_pages import new_part_router
    from tideline_airflow.runbook_pages import new_runbook_router
    from tideline_airflow.stream_pages import SEES, new_router

    app = FastAPI(title="Tideline", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get(DATA_DOCS + "/{stream}/{page:path}", dependencies=SEES)
    def data_docs(stream: str, page: str) -> FileResponse:
        """A page of a stream's Data Docs, `index.html` unless it is named."""
        return page_of(root, stream, page or "index.html")

    @app.exception_handler(UserError)
    def told(request: Request, error: UserError) -> PlainTextResponse:
        """What is away, such as the database, and what to do."""
        return PlainTextResponse(f"{error.message}: {error.fix}\n", 503)

    for router in (new_router(), new_part_router(), new_static_router(), new_runbook_router()):
        app.include_router(router)
    return app


def page_of(root: Path, stream: str, page: str) -> FileResponse:
    """A file of a stream's Data Docs; 404 for what is none, or lies outside of them."""
    from fastapi import HTTPException
    from fastapi.responses import FileResponse

    from tideline.gate.suites import DOCS as FOLDER
    from tideline.home import Home

    streams = Home(root).stream("any").root.parent
    folder = streams / stream / "validations" / FOLDER
    file = (folder / page).resolve()
    is_ours = folder.resolve().is_relative_to(streams.resolve()) and file.is_relative_to(folder.resolve())
    if not is_ours or not file.is_file():
        raise HTTPException(404, f"stream '{stream}' has no such page")
    return FileResponse(file, headers=DOCS)
