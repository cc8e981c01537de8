"""Alembic's way in: runs on the connection that `tideline.registry.migrate` hands over."""

from __future__ import annotations

from alembic import context

from tideline.registry.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
