"""`tideline monitoring`: what Prometheus needs to look at this platform."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tideline.cli.console import out
from tideline.home import CHECKOUT, Home

monitoring = typer.Typer(help="Prometheus: its configuration for this platform.", no_args_is_help=True)
RULES = CHECKOUT / "include" / "prometheus" / "rules" / "*.yml"


def register(app: typer.Typer) -> None:
    app.add_typer(monitoring, name="monitoring")


@monitoring.command()
def render(
    to: Annotated[Path, typer.Option(help="The folder that gets prometheus.yml; it is made if it is not there.")],
    exporter: Annotated[str, typer.Option(help="host:port of the platform's exporter; by default this one's.")] = "",
    rules: Annotated[str, typer.Option(help="The rule files, as Prometheus finds them.")] = str(RULES),
    pushgateway: Annotated[str, typer.Option(help="host:port of a Pushgateway, if streams push.")] = "",
    alertmanager: Annotated[str, typer.Option(help="host:port of an Alertmanager, if there is one.")] = "",
) -> None:
    """Write a prometheus.yml that finds the drivers of this platform by itself, and scrapes its exporter."""
    import yaml

    from tideline.errors import UserError
    from tideline.exporter.scrape_config import Monitoring, require_address, scrape_config
    from tideline.settings import Settings

    own = Settings.load(Home.from_env()).exporter_url.removeprefix("http://")
    given = {"--exporter": exporter or own, "--pushgateway": pushgateway, "--alertmanager": alertmanager}
    addresses = {option: require_address(option, text) for option, text in given.items() if text}
    config = scrape_config(
        Monitoring(addresses["--exporter"], rules, addresses.get("--pushgateway"), addresses.get("--alertmanager"))
    )
    file = to / "prometheus.yml"
    try:
        to.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(config, sort_keys=False))
    except OSError as error:
        problem = f"{file} cannot be written: {error.filename}: {error.strerror}"
        raise UserError(problem, "name another folder by --to") from None
    out.print(f"{file}: `prometheus --config.file={file}` scrapes {addresses['--exporter']}", markup=False)
