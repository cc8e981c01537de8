"""Brings a registry's tables up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text

_LOCK = 7_430_115  # any number, the same for all who migrate


def upgrade(url: str) -> None:
    """Runs the migrations that are missing; safe to call again, and by several at once."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            _lock(connection)
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def _lock(connection: Connection) -> None:
    """Held until the transaction ends: the second caller waits, then finds nothing left to do."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
