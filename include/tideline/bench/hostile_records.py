"""Records of any length that are hard to read: quotes, escapes, deep JSON, open ends, bytes that are no text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tideline.records import LONGEST
from tideline.spec.model import StreamSpec
from tideline.spec.schema import DECLARED_TYPES, JSON, LOG_COLUMNS

FRAME: Final = 100
"""Bytes that a record may have beside those that make it long."""
LONG: Final = LONGEST - FRAME
"""Such records are as long as one may be."""

_TEXT: Final = b'{"timestamp":1,"service":"a","message":"'
_ANY: Final = b'{"timestamp":1,"service":"a","other":'
_BEGIN: Final = b"1.1.1.1 - - [01/Jan/1970:00:00:01 +0000] "
_LINE: Final = _BEGIN + b'"GET / HTTP/1.0" 200 1'
_END: Final = b' HTTP/1.0" 200 1'
_REST: Final = b' "-" "-"'

_OBJECTS: Final = frozenset({"log", JSON})
_COMMON: Final = frozenset({"log", "apache-common"})
_COMBINED: Final = frozenset({"log", "apache-combined", "nginx"})
_ANY_LINE: Final = frozenset({"log"})
_METRIC: Final = {
    "window": "1 minute",
    "keys": ["service"],
    "measures": {"requests": "count", "messages": "count_distinct(message)", "mean": "avg(response_time)"},
}
FORMATS: Final = ("log", "apache-common", "apache-combined", "nginx", JSON)


class Kind(NamedTuple):
    """`make` a record of about so many bytes. `reason` is that of its rejection, None for an event, in the formats that
    read such records; to all others it is malformed."""

    make: Callable[[int], bytes]
    reason: str | None
    read_by: frozenset[str]

    def reason_in(self, form: str) -> str | None:
        if form in self.read_by or self.reason == "not_utf8":
            return self.reason
        return "malformed_json" if form == JSON else "malformed_line"


def _objects(make: Callable[[int], bytes], reason: str | None = None) -> Kind:
    return Kind(make, reason, _OBJECTS)


def _no_line(make: Callable[[int], bytes]) -> Kind:
    return Kind(make, "malformed_line", _COMMON | _COMBINED)


def _request(make: Callable[[int], bytes], end: bytes, rest: bytes) -> Callable[[int], bytes]:
    return lambda n: _BEGIN + b'"' + make(n) + end + rest


_REQUESTS: Final[Mapping[str, tuple[Callable[[int], bytes], bytes]]] = {
    "long request": (lambda n: b"GET /" + b"a" * n, _END),
    "slashes": (lambda n: b"GET " + b"/" * n, _END),
    "quotes in a request": (lambda n: b'\\"' * (n // 2), b'" 200 1'),
    "NUL in a request": (lambda n: b"GET /" + b"\x00" * n, _END),
}

KINDS: Final[Mapping[str, Kind]] = {
    "long text": _objects(lambda n: _TEXT + b"x" * n + b'"}'),
    "escaped quotes": _objects(lambda n: _TEXT + b'\\"' * (n // 2) + b'"}'),
    "bare quotes": _objects(lambda n: _TEXT + b'"' * n + b'"}', "malformed_json"),
    "backslashes": _objects(lambda n: _TEXT + b"\\\\" * (n // 2) + b'"}'),
    "unicode escapes": _objects(lambda n: _TEXT + b"\\u0041" * (n // 6) + b'"}'),
    "lone surrogates": _objects(lambda n: _TEXT + b"\\ud800" * (n // 6) + b'"}', "malformed_json"),
    "NUL": _objects(lambda n: _TEXT + b"\x00" * n + b'"}', "malformed_json"),
    "invalid UTF-8": _objects(lambda n: _TEXT + b"\xff" * n + b'"}', "not_utf8"),
    "words like NaN in a text": _objects(lambda n: _TEXT + b", nan" * (n // 5) + b'"}'),
    "NaN": _objects(lambda n: _ANY + b"[" + b"NaN," * (n // 4) + b"1]}", "malformed_json"),
    "commas": _objects(lambda n: _ANY + b"[" + b", " * (n // 2) + b"1]}", "malformed_json"),
    "deep arrays": _objects(lambda n: _ANY + b"[" * (n // 2) + b"]" * (n // 2) + b"}"),
    "deep objects": _objects(lambda n: _ANY + b'{"a":' * (n // 6) + b"1" + b"}" * (n // 6) + b"}"),
    "open arrays": _objects(lambda n: _ANY + b"[" * n, "malformed_json"),
    "many keys": _objects(lambda n: b'{"timestamp":1' + b',"k":1' * (n // 6) + b"}"),
    "long number": _objects(lambda n: b'{"timestamp":1,"response_time":' + b"1" * n + b"}", "bad_response_time"),
    "spaces first": _objects(lambda n: b" " * n + b'{"timestamp":1}'),
    **{name: Kind(_request(*made, b""), None, _COMMON) for name, made in _REQUESTS.items()},
    **{f"{name}, with agent": Kind(_request(*made, _REST), None, _COMBINED) for name, made in _REQUESTS.items()},
    "open request": _no_line(lambda n: _BEGIN + b'"' + b'a"' * (n // 2)),
    "open times": _no_line(lambda n: b"1.1.1.1 - - " + b"[" * n),
    "blanks": _no_line(lambda n: b"1.1.1.1 " + b" " * n),
    "blanks at the end": Kind(lambda n: _LINE + b" " * n, None, _COMMON),
    "blanks at the end, with agent": Kind(lambda n: _LINE + _REST + b" " * n, None, _COMBINED),
    "long agent": Kind(lambda n: _LINE + b' "-" "' + b"a" * n + b'"', None, _COMBINED),
    "quotes in an agent": Kind(lambda n: _LINE + b' "-" "' + b'\\"' * (n // 2) + b'"', None, _COMBINED),
    "open agent": Kind(lambda n: _LINE + b' "-" "' + b'a"' * (n // 2), None, _ANY_LINE),
    "digits at the end": Kind(lambda n: _LINE + _REST + b" " + b"1" * n, None, _ANY_LINE),
}


def spec_reading(form: str) -> StreamSpec:
    """A stream of such records in one of `FORMATS`, whose metric reads what makes them long."""
    declared = {of: name for name, of in DECLARED_TYPES.items()}
    columns = {name: declared[kind] for name, kind in LOG_COLUMNS.items()} if form == JSON else {}
    source = {"topic": "hostile", "format": form, "columns": columns}
    return StreamSpec.model_validate(
        {"name": "hostile", "source": source, "watermark": "1 minute", "metrics": {"requests": _METRIC}}
    )
