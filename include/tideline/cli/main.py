"""The `tideline` command: exit 0 when what was asked holds, 1 when it does not.

2 is for wrong use and for what could not be answered: what is stopped, unknown or broken proves nothing.
"""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from importlib.util import find_spec

import typer

from tideline.cli.console import print_error
from tideline.cli.damage import damage_of
from tideline.errors import UserError
from tideline.home import Home

MODULES = (
    "platform_commands",
    "env_command",
    "doctor_command",
    "monitoring_commands",
    "stream_commands",
    "serve_command",
    "reconcile_command",
    "verify_command",
    "backfill_command",
    "maintain_command",
    "logs_command",
    "ledger_commands",
    "explain_command",
    "lateness_commands",
    "reject_commands",
    "quarantine_commands",
    "hold_commands",
    "retention_commands",
    "topic_commands",
    "airflow_commands",
    "try_command",
    "anomaly_commands",
    "bench_commands",
    "demo_command",
)

app = typer.Typer(
    name="tideline",
    help="Keeps Spark streams running under Airflow, and makes their tables right from Kafka offsets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # brackets in a help text are brackets
)

for _module in MODULES:
    if find_spec(f"tideline.cli.{_module}"):
        import_module(f"tideline.cli.{_module}").register(app)


def main() -> None:
    try:
        app()
    except UserError as error:
        print_error(error)
        sys.exit(error.exit_status)
    except Exception as error:  # a fault of the program is no answer either, and Python would exit 1
        damage = damage_of(error, Home.from_env().root / "tables")
        if damage is None:
            traceback.print_exc()
        else:
            print_error(damage)
        sys.exit(2)


if __name__ == "__main__":
    main()
