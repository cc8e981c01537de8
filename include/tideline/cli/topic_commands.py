"""`tideline topics`: the declared topics, and how those at the broker differ."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import out, print_json, print_table

if TYPE_CHECKING:
    from tideline.topic_plan import Difference


def register(app: typer.Typer) -> None:
    app.command()(topics)


def topics(
    apply: Annotated[bool, typer.Option("--apply", help="Make what is missing, grow, and keep longer.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show how the topics that kafka.yaml declares differ from the broker's; exit 1 while one does.

    Nothing is ever deleted, shrunk or kept for a shorter time: such a difference is left, and it is said why.

    JSON: servers, holds, declared [topic], differences [{topic, what, declared, there, act, why}] as they are left.
    """
    from tideline.home import Home
    from tideline.kafka_topics import apply as do
    from tideline.kafka_topics import look_at_topics
    from tideline.settings import Settings
    from tideline.topic_plan import Act, differences

    settings = Settings.load(Home.from_env())
    kafka, declared = settings.kafka, settings.topics
    found = differences(declared, look_at_topics(kafka, declared))
    left = found
    if apply and any(each.act is not Act.LEAVE for each in found):
        do(kafka, declared, found)
        left = differences(declared, look_at_topics(kafka, declared))
    if as_json:
        rows = [asdict(each) for each in left]
        print_json({"servers": str(kafka), "holds": not left, "declared": sorted(declared), "differences": rows})
    else:
        _show(str(kafka), len(declared), left, done=[each for each in found if each not in left])
    raise typer.Exit(1 if left else 0)


def _show(servers: str, declared: int, left: list[Difference], done: list[Difference]) -> None:
    for each in done:
        out.print(f"{each.topic}: {each.what} {each.there} -> {each.declared}")
    if not left:
        out.print(f"the {declared} topics that are declared are at {servers} as they should be")
        return
    columns = ("topic", "what", "declared", f"at {servers}", "--apply would", "why")
    print_table(out, columns, [(each.topic, each.what, each.declared, each.there, each.act, each.why) for each in left])
