"""`tideline demo`: the whole story on real parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tideline.cli.console import out, print_json
from tideline.clock import now_ms
from tideline.home import Home

STREAM = "log-metrics"


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    file: Annotated[
        Path | None, typer.Option(help="Your own log, JSON or access lines; seeded traffic without it.")
    ] = None,
    late_every: Annotated[int, typer.Option(min=2, help="Hold back each Nth line of the file, to come late.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the traffic.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Deploy, kill, restart, late events, reconcile, verify: on a real Kafka, Spark and Airflow."""
    from tideline.cli.demo_view import ConsoleTeller, show_proof
    from tideline.demo.feed import FileFeed, TrafficFeed
    from tideline.demo.story import Story
    from tideline.platform.keys import password_file
    from tideline.platform.up import up
    from tideline.produce.lines import FileSource
    from tideline.spec.load import find_spec, load_spec

    if file is not None:
        FileSource(file).require()
    home = Home.from_env()
    spec = load_spec(find_spec(STREAM))
    feed = FileFeed(file, late_every) if file else TrafficFeed(seed, now_ms())
    teller = ConsoleTeller()
    teller.step("Start the platform: PostgreSQL, Kafka and Airflow")
    settings = up(home, report=teller.progress)
    proof = Story(home, settings, spec, feed, teller).tell()
    if as_json:
        print_json(proof.as_dict())
    else:
        show_proof(proof, settings.api_url)
        out.print(f"Sign in to Airflow as admin, with the password in {password_file(home)}.")
        out.print("The platform stays up: `make down` ends it.")
    raise typer.Exit(0 if proof.holds else 1)
