"""What hostile records cost: each kind in two lengths, one twice the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any, Final

from tideline.bench.player import records
from tideline.engine.cells import Engine
from tideline.spec.model import StreamSpec

LENGTH: Final = 500_000
_ROUNDS: Final = 5
_TEXT: Final = b'{"timestamp":1,"service":"a","message":"'
_ANY: Final = b'{"timestamp":1,"service":"a","other":'
_LINE: Final = b"1.1.1.1 - - [01/Jan/1970:00:00:01 +0000] "

HOSTILE: Final[Mapping[str, tuple[Callable[[int], bytes], str | None]]] = {
    "long text": (lambda n: _TEXT + b"x" * n + b'"}', None),
    "escaped quotes": (lambda n: _TEXT + b'\\"' * (n // 2) + b'"}', None),
    "bare quotes": (lambda n: _TEXT + b'"' * n + b'"}', "malformed_json"),
    "backslashes": (lambda n: _TEXT + b"\\\\" * (n // 2) + b'"}', None),
    "unicode escapes": (lambda n: _TEXT + b"\\u0041" * (n // 6) + b'"}', None),
    "lone surrogates": (lambda n: _TEXT + b"\\ud800" * (n // 6) + b'"}', "malformed_json"),
    "NUL": (lambda n: _TEXT + b"\x00" * n + b'"}', "malformed_json"),
    "invalid UTF-8": (lambda n: _TEXT + b"\xff" * n + b'"}', "not_utf8"),
    "words like NaN in a text": (lambda n: _TEXT + b", nan" * (n // 5) + b'"}', None),
    "NaN": (lambda n: _ANY + b"[" + b"NaN," * (n // 4) + b"1]}", "malformed_json"),
    "commas": (lambda n: _ANY + b"[" + b", " * (n // 2) + b"1]}", "malformed_json"),
    "deep arrays": (lambda n: _ANY + b"[" * (n // 2) + b"]" * (n // 2) + b"}", None),
    "deep objects": (lambda n: _ANY + b'{"a":' * (n // 6) + b"1" + b"}" * (n // 6) + b"}", None),
    "open arrays": (lambda n: _ANY + b"[" * n, "malformed_json"),
    "many keys": (lambda n: b'{"timestamp":1' + b',"k":1' * (n // 6) + b"}", None),
    "long number": (lambda n: b'{"timestamp":1,"response_time":' + b"1" * n + b"}", "bad_response_time"),
    "spaces first": (lambda n: b" " * n + b'{"timestamp":1}', None),
    "long request": (lambda n: _LINE + b'"GET /' + b"a" * n + b' HTTP/1.0" 200 1', None),
    "slashes": (lambda n: _LINE + b'"GET ' + b"/" * n + b' HTTP/1.0" 200 1', None),
    "quotes in a request": (lambda n: _LINE + b'"' + b'\\"' * (n // 2) + b'" 200 1', None),
    "open request": (lambda n: _LINE + b'"' + b'a"' * (n // 2), "malformed_line"),
    "open times": (lambda n: b"1.1.1.1 - - " + b"[" * n, "malformed_line"),
    "blanks": (lambda n: b"1.1.1.1 " + b" " * n, "malformed_line"),
}
"""By its kind: a record of about so many bytes, and the reason of its rejection, None for an event."""


@dataclass(frozen=True)
class HostileCost:
    """The kind that grows most with its length, the ratio of the times, and the times of all, in ms."""

    worst: str
    ratio: float
    milliseconds: dict[str, tuple[float, float]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure_hostile(spec: StreamSpec, progress: Callable[[str], None] = lambda _: None) -> HostileCost:
    """The best of some rounds for each kind and length, from the record's bytes to its cells."""
    engine, times = Engine(spec), dict[str, tuple[float, float]]()
    for name, (make, _) in HOSTILE.items():
        progress(name)
        short, long = (_milliseconds(engine, make(length)) for length in (LENGTH, 2 * LENGTH))
        times[name] = (round(short, 1), round(long, 1))
    worst = max(times, key=lambda name: times[name][1] / times[name][0])
    return HostileCost(worst, round(times[worst][1] / times[worst][0], 2), times)


def _milliseconds(engine: Engine, value: bytes) -> float:
    table = records([value])
    found = []
    for _ in range(_ROUNDS):
        began = perf_counter()
        engine.load(table)
        engine.cells()
        found.append(perf_counter() - began)
    return min(found) * 1000
