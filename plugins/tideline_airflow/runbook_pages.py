"""The runbooks, where alerts and dashboards link them: for whoever is signed in. They are texts of the checkout.

Only the web server imports this, at its first request.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from airflow.api_fastapi.core_api.security import requires_authenticated
from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import PlainTextResponse

from tideline.home import CHECKOUT
from tideline_airflow.links import RUNBOOKS
from tideline_airflow.page_headers import PLAIN

FOLDER: Final = CHECKOUT / "docs" / "runbooks"


def new_runbook_router(folder: Path = FOLDER) -> APIRouter:
    """The routes of a folder of runbooks."""
    router = APIRouter(prefix=RUNBOOKS, dependencies=[Depends(requires_authenticated())])

    @router.get("")
    def all_runbooks() -> PlainTextResponse:
        """Their names, one a line."""
        return PlainTextResponse("".join(f"{name}\n" for name in sorted(_texts(folder))), headers=PLAIN)

    @router.get("/{alert}")
    def one_runbook(alert: str) -> PlainTextResponse:
        """What to do when this alert fires."""
        file = _texts(folder).get(alert.removesuffix(".md"))
        if file is None:
            raise HTTPException(404, f"no alert is called '{alert}'")
        return PlainTextResponse(file.read_text(), headers=PLAIN)

    return router


def _texts(folder: Path) -> dict[str, Path]:
    return {file.stem: file for file in folder.glob("*.md")}
