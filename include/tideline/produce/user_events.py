"""Writes plausible user events: a few users do most, in sessions, and one action in fifteen is a purchase."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

from tideline.produce.records import Drawn

ACTIONS: Final = ("view", "click", "login", "purchase", "logout")
_SHARES: Final = (52, 28, 8, 7, 5)
_USERS: Final = 2_000
_SESSION_MS: Final = 1_800_000


class UserEventWriter:
    """Draws events from one random stream; a user's session depends on the seed and event time alone."""

    def __init__(self, seed: int, rng: Random) -> None:
        self._seed, self._rng = seed, rng

    def record(self, time_ms: int) -> Drawn:
        """An event at that time, keyed by its user."""
        fields = self.fields(time_ms)
        return Drawn(json.dumps(fields).encode(), time_ms, str(fields["user_id"]).encode())

    def fields(self, time_ms: int) -> dict[str, Any]:
        """The fields of an event; the time keeps its milliseconds."""
        rng = self._rng
        number = int(_USERS * rng.random() ** 4)  # skewed: one user in a hundred sends a third of all
        action = rng.choices(ACTIONS, _SHARES)[0]
        session = Random(f"{self._seed} {number} {time_ms // _SESSION_MS}").getrandbits(48)
        return {
            "timestamp": time_ms,
            "user_id": f"user-{number:04d}",
            "action": action,
            "value": round(rng.lognormvariate(3, 0.8), 2) if action == "purchase" else 0.0,
            "session_id": f"{session:012x}",
            "ip_address": f"2001:db8::{number:x}"
            if number % 10 == 9
            else f"10.{number % 7}.{number % 250}.{number % 13}",
        }
