"""The doctor beside a real database: up, behind with its migrations, with a lease of a dead keeper, and stopped."""

from __future__ import annotations

from sqlalchemy import create_engine, text

from support.keeper_world import SPEC, STREAM
from support.platform import Platform
from tideline.doctor.diagnosis import diagnose
from tideline.doctor.finding import Finding
from tideline.keeper.lifecycle import Desired
from tideline.platform.supervisor import Supervisor
from tideline.registry.requests import Request
from tideline.registry.store import Registry


def found(platform: Platform) -> dict[str, Finding]:
    """The findings by check and place, as a person would be told."""
    return {f"{each.what}: {each.where}": each for each in diagnose(platform.home, {"PATH": ""}).findings}


def exchange_version(platform: Platform, version: str) -> str:
    """Tells the database that its migrations ended with this one; which one it told before."""
    engine = create_engine(platform.settings.registry_url)
    with engine.begin() as connection:
        before = str(connection.execute(text("select version_num from alembic_version")).scalar_one())
        connection.execute(text("update alembic_version set version_num = :version"), {"version": version})
    engine.dispose()
    return before


def test_a_database_that_fails_is_told_with_a_fix_that_works(fresh_platform: Platform) -> None:
    settings = fresh_platform.start("database")
    registry = Registry.connect(settings.registry_url)
    registry.request(Request(STREAM, Desired.RUNNING, "ann", SPEC, "f"))
    others = "services: broker, api_server, scheduler, dag_processor, triggerer, exporter"
    assert set(found(fresh_platform)) == {others}

    registry.leases.take(STREAM, "keeper-1", -600_000)
    registry.close()
    assert set(found(fresh_platform)) == {others, f"leases: {STREAM}"}

    newest = exchange_version(fresh_platform, "0005")
    assert set(found(fresh_platform)) == {others, "registry: migrations"}
    exchange_version(fresh_platform, newest)

    Supervisor(fresh_platform.home).stop_program("database")
    (finding,) = found(fresh_platform).values()
    assert (finding.what, finding.where.startswith("platform")) == ("services", True)

    assert finding.fix == "run `tideline up`"
    fresh_platform.start("database")
    assert set(found(fresh_platform)) == {others, f"leases: {STREAM}"}
