"""What the registry knows of the tables' announcements."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine, select

from tideline.registry.tables import announced
from tideline.registry.upsert import put


class AnnouncedBook:
    """Keeps by a table's name what was announced of it: see `tideline.announce.Due`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def told(self, stream: str) -> dict[str, int]:
        statement = select(announced.c.table_name, announced.c.told).where(announced.c.stream == stream)
        with self._engine.connect() as connection:
            return {row.table_name: row.told for row in connection.execute(statement)}

    def note(self, stream: str, told: Mapping[str, int]) -> None:
        """Adds to what was told, by each table's name."""
        with self._engine.begin() as connection:
            for name, until in told.items():
                put(connection, announced, {"stream": stream, "table_name": name, "told": until})
