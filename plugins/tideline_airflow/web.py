"""What Tideline adds to Airflow's web server, under `/tideline`: for users who are signed in.

The app is made at its first request. Every part of Airflow loads its plugins, and only the API server needs it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import FastAPI, Request
    from fastapi.responses import PlainTextResponse
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
    from tideline_airflow.data_docs import new_docs_router
    from tideline_airflow.page_answers import new_static_router
    from tideline_airflow.part_pages import new_part_router
    from tideline_airflow.runbook_pages import new_runbook_router
    from tideline_airflow.stream_pages import new_router

    app = FastAPI(title="Tideline", docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(UserError)
    def told(request: Request, error: UserError) -> PlainTextResponse:
        """What is away, such as the database, and what to do."""
        return PlainTextResponse(f"{error.message}: {error.fix}\n", 503)

    routers = (new_router(), new_part_router(), new_docs_router(root), new_static_router(), new_runbook_router())
    for router in routers:
        app.include_router(router)
    return app
