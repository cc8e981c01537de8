"""What browsers are told of the pages: what may run in them, and that nobody keeps them."""

from __future__ import annotations

from typing import Final

_ALWAYS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}


def _headers(*allowed: str) -> dict[str, str]:
    """Nothing is loaded, run or framed but what is `allowed`."""
    policy = ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'self'", *allowed)
    return _ALWAYS | {"Content-Security-Policy": "; ".join(policy)}


PLAIN: Final = _headers()
"""Of texts, JSON and redirects."""
PAGE: Final = _headers(
    "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'", "form-action 'self'"
)
"""Of our own pages: no script or style stands in them, all are files beside them."""
DOCS: Final = _headers(
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self'",
    "font-src 'self'",
    "form-action 'none'",
    "sandbox allow-same-origin",
)
"""Of Great Expectations' pages, which name scripts and styles of other hosts, and show what came out of logs: none of
it runs, sends a form or leads to another page by itself."""
