"""Brings a registry's tables up to date."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

_LOCK = 7_430_115  # any number, the same for all who migrate


def upgrade(url: str) -> None:
    """Runs the migrations that are missing; safe to call again, and by several at once."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            _lock(connection)
            command.upgrade(_config(connection=connection), "head")
    finally:
        engine.dispose()


@dataclass(frozen=True)
class Level:
    """The migration that a registry is at, None before the first, and those there are, oldest first."""

    current: str | None
    known: tuple[str, ...]

    @property
    def is_newest(self) -> bool:
        return self.current == self.known[-1]


def level(url: str) -> Level:
    """How far a registry's tables were brought."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    known = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]
    return Level(current, tuple(reversed(known)))


def _config(**attributes: object) -> Config:
    config = Config(attributes=attributes)
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


def _lock(connection: Connection) -> None:
    """Held until the transaction ends: the second caller waits, then finds nothing left to do."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
