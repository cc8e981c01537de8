"""The kinds of traffic there are, by the names that `tideline produce --kind` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tideline.produce.log_events import LogWriter
from tideline.produce.malformed import BAD_LOGS, BAD_USER_EVENTS
from tideline.produce.records import Kind
from tideline.produce.user_events import UserEventWriter

LOGS: Final = Kind(LogWriter, BAD_LOGS)
USER_EVENTS: Final = Kind(UserEventWriter, BAD_USER_EVENTS)
KINDS: Final[Mapping[str, Kind]] = {"logs": LOGS, "user-events": USER_EVENTS}
