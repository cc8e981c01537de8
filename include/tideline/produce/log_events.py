"""Writes plausible log records: JSON logs of a few services, and some access lines in two forms."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any, Final

from tideline.produce.records import Drawn

# Name, share of the traffic, median response time in seconds.
SERVICES: Final = (
    ("gateway", 30, 0.04),
    ("catalog", 20, 0.09),
    ("search", 14, 0.22),
    ("cart", 11, 0.07),
    ("checkout", 8, 0.35),
    ("payments", 6, 0.60),
    ("accounts", 7, 0.11),
    ("reports", 4, 1.80),
)
_NAMES: Final = [name for name, _, _ in SERVICES]
_SHARES: Final = [share for _, share, _ in SERVICES]
_MEDIANS: Final = {name: median for name, _, median in SERVICES}
_METHODS: Final = ("GET", "GET", "GET", "GET", "POST", "PUT", "DELETE")
_PAGES: Final = ("", "items", "items/42", "list?page=2", "status", "search?q=caf%C3%A9")
_AGENTS: Final = ("curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101", 'odd \\"quoted\\" agent')
_FAILURES: Final = (500, 502, 503, 503, 504)
_REFUSALS: Final = (400, 401, 403, 404, 404, 404, 429)
_USERS: Final = 200
_ADDRESSES: Final = 100
_BURST_MS: Final = 600_000
_ACCESS_SHARE: Final = 0.15
_EAST: Final = timezone(timedelta(hours=2))


class LogWriter:
    """Draws events from one random stream; bursts of errors depend on the seed and event time alone."""

    def __init__(self, seed: int, rng: Random) -> None:
        self._seed, self._rng = seed, rng

    def record(self, time_ms: int) -> Drawn:
        """A record of about that event time, and its exact event time: access lines know whole seconds only."""
        fields = self.fields(time_ms)
        if self._rng.random() < _ACCESS_SHARE:
            return Drawn(self._access_line(time_ms, fields), time_ms // 1000 * 1000)
        return Drawn(json.dumps(fields).encode(), time_ms)

    def fields(self, time_ms: int) -> dict[str, Any]:
        """The fields of a JSON log."""
        rng = self._rng
        service = rng.choices(_NAMES, _SHARES)[0]
        in_burst = self._in_burst(service, time_ms)
        status = self._status(0.3 if in_burst else 0.01)
        slower = 3 if in_burst else 1
        seconds = round(rng.lognormvariate(0, 0.6) * _MEDIANS[service] * slower, 6)
        return {
            "timestamp": self._time(time_ms),
            "level": "ERROR" if status >= 500 else "WARN" if status >= 400 else "INFO",
            "service": service,
            "message": f"{rng.choice(_METHODS)} /{service}/{rng.choice(_PAGES)}",
            "ip_address": self._address(),
            "user_id": None if rng.random() < 0.05 else f"user-{_skewed(rng, _USERS):03d}",
            "request_id": f"{rng.getrandbits(64):016x}",
            "response_time": None if rng.random() < 0.03 else seconds,
            "status_code": status,
            "error_code": f"E{status}" if status >= 500 else None,
        }

    def _in_burst(self, service: str, time_ms: int) -> bool:
        """One service and ten minutes in twelve go badly."""
        return Random(f"{self._seed} {service} {time_ms // _BURST_MS}").random() < 1 / 12

    def _status(self, failing: float) -> int:
        at = self._rng.random()
        if at < failing:
            return self._rng.choice(_FAILURES)
        return self._rng.choice(_REFUSALS) if at < failing + 0.02 else self._rng.choice((200, 200, 200, 201, 204, 304))

    def _time(self, time_ms: int) -> str | int:
        """The time in one of the forms that logs use, to the millisecond or finer."""
        at = self._rng.random()
        if at < 0.1:
            return time_ms
        time = datetime.fromtimestamp(time_ms // 1000, UTC) + timedelta(milliseconds=time_ms % 1000)
        if at < 0.15:
            return time.astimezone(_EAST).isoformat(timespec="milliseconds")
        if at < 0.3:
            finer = time + timedelta(microseconds=self._rng.randrange(1000))
            return finer.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _address(self) -> str:
        number = _skewed(self._rng, _ADDRESSES)
        return f"2001:db8::{number:x}" if number % 10 == 9 else f"10.{number % 7}.{number % 13}.{number}"

    def _access_line(self, time_ms: int, fields: dict[str, Any]) -> bytes:
        rng = self._rng
        time = datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
        user = fields["user_id"] or "-"
        size = "-" if rng.random() < 0.05 else str(rng.randrange(50_000))
        request = f"{fields['message']} HTTP/1.1"
        line = f'{fields["ip_address"]} - {user} [{time}] "{request}" {fields["status_code"]} {size}'
        return (line if rng.random() < 0.5 else f'{line} "-" "{rng.choice(_AGENTS)}"').encode()


def _skewed(rng: Random, count: int) -> int:
    """A number below `count`, small ones more often."""
    return int(count * rng.random() ** 2)
