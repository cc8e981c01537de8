"""Refuses what another site's page makes a signed-in person's browser send.

Airflow knows a browser by its cookie and does not look where a request was made. Cookies reach us from pages of other
ports of the same host, too, such as a driver's Spark UI.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_REFUSED: Final = json.dumps({"detail": "Refused: this was sent by a page of another site"}).encode()


class SameOriginOnly:
    """An ASGI middleware: a request that changes something, and was made by a page of another origin, goes no further.

    `trusted` are origins beside the server's own, such as those that Airflow's `access_control_allow_origins` lists.
    """

    def __init__(self, app: ASGIApp, trusted: Iterable[str] = ()) -> None:
        self._app = app
        self._trusted = frozenset(origin.rstrip("/").lower() for origin in trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _SAFE:
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            if is_foreign(headers, self._trusted):
                head = [(b"content-type", b"application/json"), (b"content-length", str(len(_REFUSED)).encode())]
                await send({"type": "http.response.start", "status": 403, "headers": head})
                await send({"type": "http.response.body", "body": _REFUSED})
                return
        await self._app(scope, receive, send)


def is_foreign(headers: Mapping[str, str], trusted: frozenset[str] = frozenset()) -> bool:
    """Whether a browser says that another origin's page made the request. What is no browser says nothing.

    Who brings a bearer's token needs no cookie: no other site's page can know it. Of other kinds of `Authorization` a
    browser sends some by itself, and Airflow then takes the cookie.
    """
    origin = headers.get("origin", "").rstrip("/").lower()
    if headers.get("authorization", "").lower().startswith("bearer ") or origin in trusted:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    return bool(origin) and urlsplit(origin).netloc not in _hosts(headers)


def _hosts(headers: Mapping[str, str]) -> set[str]:
    """By which names the browser may know this server: behind a proxy it is the one that the proxy was asked by."""
    named = (headers.get("host", ""), *headers.get("x-forwarded-host", "").split(","))
    return {name.strip().lower() for name in named if name.strip()}
