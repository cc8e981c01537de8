"""Records that must be rejected, each with the reason they must be rejected for."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

from tideline.produce.records import Fields, Maker


def _text(fields: Fields) -> bytes:
    return json.dumps(fields).encode()


def _cut(fields: Fields, rng: Random) -> bytes:
    text = _text(fields)
    return text[: rng.randrange(2, len(text) - 1)]


def _with(reason: str, **changed: Any) -> tuple[str, Maker]:
    return reason, lambda fields, _: _text({**fields, **changed})


def _raw(reason: str, value: bytes | None) -> tuple[str, Maker]:
    return reason, lambda fields, _: value


def _without_timestamp(fields: Fields, _: Random) -> bytes:
    return _text({name: value for name, value in fields.items() if name != "timestamp"})


def _not_utf8(fields: Fields, _: Random) -> bytes:
    return _text({**fields, "session_id": "MARK", "message": "MARK"}).replace(b"MARK", b"caf\xe9 \xff")


_BAD_OBJECTS: Final[tuple[tuple[str, Maker], ...]] = (
    ("malformed_json", _cut),
    ("malformed_json", lambda fields, _: _text(fields)[:-1] + b",}"),
    ("not_utf8", _not_utf8),
    _raw("null_value", None),
    ("missing_timestamp", _without_timestamp),
    _with("missing_timestamp", timestamp=None),
    _with("bad_timestamp", timestamp="yesterday at noon"),
    _with("bad_timestamp", timestamp=True),
    _with("bad_user_id", user_id={"id": 7}),
)
BAD_LOGS: Final[tuple[tuple[str, Maker], ...]] = (
    *_BAD_OBJECTS,
    _with("malformed_json", response_time=float("nan")),
    _raw("malformed_line", b""),
    _raw("malformed_line", b"panic: runtime error: index out of range [3] with length 3"),
    _raw("malformed_line", b'[{"timestamp": 1700000000000}]'),
    _raw("malformed_line", b'10.0.0.1 - - [10/Oct/2025:13:55:36 +0000] "GET /cut HTTP/1.1'),
    _raw("bad_timestamp", b'10.0.0.1 - - [31/Feb/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 12'),
    _with("bad_response_time", response_time="0.25"),
    _with("bad_response_time", response_time=1e300),
    _with("bad_status_code", status_code="500"),
    _with("bad_status_code", status_code=2000),
)
"""(reason, maker): a maker turns the fields of a good event into a bad record."""

BAD_USER_EVENTS: Final[tuple[tuple[str, Maker], ...]] = (
    *_BAD_OBJECTS,
    _with("malformed_json", value=float("inf")),
    _raw("malformed_json", b""),
    _raw("malformed_json", b"user-17,login,0.0"),
    _raw("malformed_json", b'[{"timestamp": 1700000000000, "user_id": "user-1"}]'),
    _with("bad_timestamp", timestamp=1700000000000.5),
    _with("bad_value", value="12.50"),
    _with("bad_value", value=1e300),
    _with("bad_action", action=["login"]),
)
