"""`tideline maintain`: what a stream no longer keeps is erased, and its tables are tidied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import out, print_json, print_table, progress
from tideline.cli.names import deployed
from tideline.home import Home

if TYPE_CHECKING:
    from tideline.maintain import Maintenance


def register(app: typer.Typer) -> None:
    app.command()(maintain)


def maintain(
    name: Annotated[str, typer.Argument(help="The stream's name.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be erased, write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Erase what the tables of a stream were made of once it is older than the spec's `keep`, and tidy their files.

    Published rows stay as they are. Neither the broker is asked nor the driver disturbed; the DAG maintain_tables does
    the same every day. Bytes leave the disk once no snapshot of the last hour holds them: with the next run.

    JSON: stream, keep (null: for ever), expired_until (windows that end up to then; null: none), held_back (why it does
    not reach as far as `keep` says, in words), erased {batches, parts, corrections, overrides, held, rejects,
    late_events, unrecoverable; tables without any are left out}, files {packed, deleted} (not of a dry run).
    """
    from tideline.maintain import maintain_stream

    home = Home.from_env()
    deployed(home, name)
    done = maintain_stream(home, name, dry_run=dry_run, progress=progress)
    if as_json:
        print_json(done.as_dict())
    else:
        _show(done, dry_run)


def _show(done: Maintenance, dry_run: bool) -> None:
    said = done.as_dict()
    print_table(out, ("table", "rows to erase" if dry_run else "rows erased"), said["erased"].items())
    if done.keep is not None:
        out.print(f"kept for {said['keep']}: windows that end up to {said['expired_until'] or 'no time'} have expired")
    for why in said["held_back"]:
        out.print(f"held back: {why}" if done.keep is not None else why)
    if done.tidied is not None:
        out.print(f"{done.tidied.packed} files packed into fewer, {done.tidied.deleted} deleted")
