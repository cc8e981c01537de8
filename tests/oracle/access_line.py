"""An access line in Apache's common or combined form, read from left to right."""

from __future__ import annotations

import re

from oracle.events import Event, Rejected
from oracle.times import from_access_log

BLANKS = " \t\n\f\r"
_METHOD = re.compile(rf"[^{BLANKS}]+ +([^{BLANKS}]+)")
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


def parse_access_line(line: str) -> Event:
    """What follows the size after a blank, referer and agent as a rule, is not looked at."""
    host, rest = _word(line)
    _, rest = _word(rest)
    user, rest = _word(rest)
    if not rest.startswith("["):
        raise Rejected("malformed_line")
    time, closed, rest = rest[1:].partition("]")
    if not closed or not rest.startswith(' "'):
        raise Rejected("malformed_line")
    request, rest = _quoted(rest[2:])
    status = _status(rest)
    time_us = from_access_log(time)
    if time_us is None:
        raise Rejected("bad_timestamp")
    return Event(
        time_us,
        status_code=None if status == "-" else int(status),
        service=_service(request),
        message=request,
        ip_address=host,
        user_id=None if user == "-" else user,
    )


def _word(text: str) -> tuple[str, str]:
    """A word without blanks and what follows the one space after it."""
    word, space, rest = text.partition(" ")
    if not space or not word or any(blank in word for blank in BLANKS):
        raise Rejected("malformed_line")
    return word, rest


def _quoted(text: str) -> tuple[str, str]:
    """Up to the quote that no backslash escapes, as written, and what follows that quote."""
    at = 0
    while at < len(text) and text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    if at >= len(text):
        raise Rejected("malformed_line")
    return text[:at], text[at + 1 :]


def _status(text: str) -> str:
    """The status, where a size stands after it too."""
    found = re.match(rf" ([0-9]{{3}}|-) (?:[0-9]+|-)(?=[{BLANKS}]|\Z)", text)
    if found is None:
        raise Rejected("malformed_line")
    return found[1]


def _service(request: str) -> str | None:
    """The first segment of the target's path, `/` for the root; None without a target that has a path."""
    found = _METHOD.match(request)
    if found is None:
        return None
    path = re.split(r"[?#]", _AUTHORITY.sub("", found[1], count=1) if _AUTHORITY.match(found[1]) else found[1])[0]
    if not path.startswith("/"):
        return None
    return path.lstrip("/").split("/")[0] or "/"
