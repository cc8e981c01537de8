"""Answers that a browser need not be sent again: what has not changed is told in a word."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from airflow.api_fastapi.core_api.security import requires_authenticated
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from tideline_airflow.links import STATIC
from tideline_airflow.page_headers import PLAIN

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def unless_known(request: Request, tag: str, body: Callable[[], str]) -> Response:
    """The HTML of `body`, or 304 where the browser has what the tag stands for."""
    quoted = f'"{tag}"'
    headers = PLAIN | {"ETag": quoted}
    if _knows(request, quoted):
        return Response(status_code=304, headers=headers)
    return Response(body(), media_type="text/html", headers=headers)


def new_static_router() -> APIRouter:
    """The files beside the pages."""
    router = APIRouter(dependencies=[Depends(requires_authenticated())])

    @router.get(STATIC + "/{name:path}")
    def static(request: Request, name: str) -> Response:
        """A script, style or picture of the pages."""
        return static_file(request, name)

    return router


def static_file(request: Request, name: str) -> Response:
    """A script, style or picture of the pages; 404 for anything else."""
    content, tag, kind = _file(name)
    headers = PLAIN | {"ETag": tag, "Cache-Control": "private, no-cache"}
    if _knows(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


def _knows(request: Request, tag: str) -> bool:
    """Whoever compresses on the way makes a tag a weak one."""
    known = request.headers.get("if-none-match", "").split(",")
    return tag in (each.strip().removeprefix("W/") for each in known)


@cache
def _files() -> dict[str, Path]:
    return {str(file.relative_to(_FOLDER)): file for file in _FOLDER.rglob("*") if file.suffix in _TYPES}


def _file(name: str) -> tuple[bytes, str, str]:
    file = _files().get(name)
    if file is None:
        raise HTTPException(404, f"there is no file '{name}'")
    content = file.read_bytes()
    return content, f'"{sha256(content).hexdigest()[:16]}"', _TYPES[file.suffix]
