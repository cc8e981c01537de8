"""What the registry knows for notices: the transitions they are told by, and what each notifier has told."""

from __future__ import annotations

from sqlalchemy import Engine, select

from tideline.keeper.lifecycle import State
from tideline.keeper.verdict import Severity
from tideline.notify.notice import Happened, Notice, Told, Trouble, gravest
from tideline.registry.clock import Clock
from tideline.registry.tables import notices, transitions
from tideline.registry.upsert import put

_TAKEN = ("id", "stream", "reason", "actor", "epoch", "generation", "dag_run", "at", "from_state", "to_state")


class NoticeBook:
    """Reads transitions without the whole of their evidence, and keeps what was told."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def history(self, stream: str, limit: int = 200) -> tuple[Happened, ...]:
        """The newest transitions, oldest first."""
        evidence = transitions.c.evidence
        statement = (
            select(
                *(transitions.c[name] for name in _TAKEN),
                evidence["verdict"].as_string().label("verdict"),
                evidence["warnings"].label("warnings"),
            )
            .where(transitions.c.stream == stream)
            .order_by(transitions.c.id.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(statement).all()
        return tuple(_happened(dict(row._mapping)) for row in reversed(rows))

    def told(self, stream: str, notifier: str) -> tuple[Told, ...]:
        """The last notice of each trouble that the notifier sent."""
        statement = select(notices).where(notices.c.stream == stream, notices.c.notifier == notifier)
        with self._engine.connect() as connection:
            return tuple(
                Told(Trouble(row.reason, Severity(row.severity)), row.transition, row.at)
                for row in connection.execute(statement)
            )

    def note(self, notice: Notice, notifier: str) -> None:
        """Keeps that the notifier has sent this, by now."""
        values = {
            "stream": notice.happened.stream,
            "notifier": notifier,
            "reason": notice.trouble.reason,
            "severity": notice.trouble.severity,
            "transition": notice.happened.id,
        }
        with self._engine.begin() as connection:
            put(connection, notices, {**values, "at": self._clock(connection)})


def _happened(row: dict[str, object]) -> Happened:
    names = {"from_state": "before", "to_state": "to", "reason": "why"}
    values = {names.get(name, name): value for name, value in row.items()}
    severity = gravest(values.pop("warnings"))  # type: ignore[arg-type]
    states = {name: State(str(values[name])) for name in ("before", "to")}
    return Happened(**{**values, **states, "severity": severity})  # type: ignore[arg-type]
