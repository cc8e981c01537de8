"""Where the command line speaks: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import sys

from rich.console import Console

from tideline.errors import UserError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def progress(line: str) -> None:
    err.print(line, markup=False)


def print_json(value: object) -> None:
    """One object, as `--json` promises; times and paths as text."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")


def print_error(error: UserError) -> None:
    err.print(f"error: {error.message}", markup=False, style="red")
    if error.fix:
        err.print(f"  fix: {error.fix}", markup=False)
