"""A stream's Data Docs, served so that they need no other host: Great Expectations' own pages name scripts, styles and
pictures elsewhere, and are plain or empty without them.

Its pages of validations keep what they say, and get a style of ours; its index, which a script would fill, is ours.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from tideline.gate.suites import DOCS as FOLDER
from tideline.gate.validated import newest_validations
from tideline.home import Home
from tideline_airflow.links import DATA_DOCS
from tideline_airflow.page_headers import DOCS, PAGE
from tideline_airflow.page_looks import place_of
from tideline_airflow.page_templates import Place, render
from tideline_airflow.stream_pages import SEES

INDEX: Final = "index.html"
SHOWN: Final = 200
_ELSEWHERE: Final = re.compile(
    r"""<script\b[^<>]*\ssrc=["']?(?:https?:)?//[^<>]*>\s*</script>|<(?:link|img)\b[^<>]*\s(?:href|src)=["']?(?:https?:)?//[^<>]*>""",
    re.IGNORECASE,
)
_NEVER_BUILT: Final = re.compile(r'\shref="[^"]*/expectations/[^"]*"')


def new_docs_router(root: Path) -> APIRouter:
    """The routes of an installation whose home is `root`."""
    router = APIRouter(prefix=DATA_DOCS, dependencies=SEES)

    @router.get("/{stream}/{page:path}")
    def data_docs(request: Request, stream: str, page: str) -> Response:
        """A page of a stream's Data Docs; the newest validations unless one is named."""
        return page_of(root, stream, page or INDEX, place_of(request))

    return router


def page_of(root: Path, stream: str, page: str, place: Place) -> Response:
    """A file of a stream's Data Docs; 404 for what is none, or lies outside of them."""
    streams = Home(root).stream("any").root.parent
    validations = streams / stream / "validations"
    folder = validations / FOLDER
    file = (folder / page).resolve()
    is_ours = folder.resolve().is_relative_to(streams.resolve()) and file.is_relative_to(folder.resolve())
    if not is_ours or not file.is_file():
        raise HTTPException(404, f"stream '{stream}' has no such page")
    if file == (folder / INDEX).resolve():
        seen = newest_validations(validations, SHOWN)
        values = {"title": f"Data Docs of {stream}", "stream": stream, "seen": seen, "limit": SHOWN}
        return HTMLResponse(render("data_docs.html", place, **values), headers=PAGE)
    if file.suffix == ".html":
        return HTMLResponse(at_home(file.read_text(), place), headers=DOCS)
    return FileResponse(file, headers=DOCS)


def at_home(html: str, place: Place) -> str:
    """The page without what other hosts would have to send, and with the style that stands beside our own pages.

    That nothing of it runs, or leads out by itself, is seen to by what the browser is told with it.
    """
    kept = _NEVER_BUILT.sub("", _ELSEWHERE.sub("", html))
    return kept.replace("</head>", f'<link rel="stylesheet" href="{place.static}/docs.css"></head>', 1)
