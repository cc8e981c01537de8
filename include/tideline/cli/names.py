"""Names and times as users write them, and the error that tells what was meant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tideline.cli.console import err
from tideline.errors import UserError
from tideline.home import Home, spec_folder

if TYPE_CHECKING:
    from pathlib import Path

    from tideline.spec.model import StreamSpec


def deployed(home: Home, name: str) -> StreamSpec:
    """The spec of a deployed stream of metrics; UserError names the one that was perhaps meant."""
    from tideline.stream_books import deployed_spec

    require_deployed(home, name)
    _require_logs(home.tables(name))
    return deployed_spec(home, name)


def require_deployed(home: Home, name: str) -> None:
    """UserError for a stream that was never deployed names the one that was perhaps meant."""
    from tideline.spec.problems import did_you_mean

    if not home.stream(name).spec.exists():
        known = sorted(path.parent.name for path in home.stream(name).root.parent.glob("*/spec.yaml"))
        is_known = not known or (spec_folder() / f"{name}.yaml").exists()
        hint = f"tideline deploy {name}" if is_known else did_you_mean(name, known, "deployed are")
        raise UserError(f"stream '{name}' was never deployed", hint)


def _require_logs(tables: Path) -> None:
    """A table without its log would be taken for one without rows."""
    for table in sorted(tables.glob("*/")):
        if not (table / "_delta_log").is_dir() and any(table.rglob("*.parquet")):
            fix = "put its files back from a copy, then run `tideline verify`"
            raise UserError(f"the table {table} has files and no log, _delta_log", fix)


def parse_time(text: str, option: str) -> datetime:
    """An RFC 3339 time; one without a zone is UTC, and that is said. UserError for what is no time."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UserError(f"{option} '{text}' is not a time", "write it as 2026-01-31T10:00:00Z") from None
    if at.tzinfo is not None:
        return at
    err.print(f"{option} {text} has no zone: taken as UTC")
    return at.replace(tzinfo=UTC)


def parse_optional_time(text: str | None, option: str) -> datetime | None:
    return None if text is None else parse_time(text, option)


def account() -> str:
    """Whoever runs the command."""
    from getpass import getuser

    return getuser()
