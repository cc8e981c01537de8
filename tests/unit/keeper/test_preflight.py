"""What a deploy would do, before it is done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.keeper_world import SPEC, STREAM, World
from tideline.deploy import look_ahead
from tideline.errors import UserError
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.preflight import Preflight, Way, changes, preflight

JOB = f"name: {STREAM}\nentrypoint: jobs/basics/word_count.py\n"
WIDER = SPEC.replace("1 minute", "2 minutes")
PACED = SPEC.replace("}\nwatermark", ", partitions: 6, max_offsets_per_trigger: 100}\nwatermark")
SLOWER = SPEC.replace("trigger: 2 seconds", "trigger: 3 seconds")


def ahead(world: World, text: str, refusal: UserError | None = None, anew: bool = False) -> Preflight:
    return preflight(world.row, parse_deployed(text), text, refusal, anew)


def test_the_first_deploy_of_all() -> None:
    assert preflight(None, parse_deployed(SPEC), SPEC) == Preflight(Way.FIRST, ())


@pytest.mark.parametrize(
    ("text", "anew", "expected"),
    [
        (SPEC, False, Preflight(Way.NOTHING, ())),
        (SLOWER, False, Preflight(Way.RESUME, ("trigger: 2 seconds is 3 seconds now",))),
        (
            PACED,
            False,
            Preflight(Way.RESUME, ("source.max_offsets_per_trigger: 100 is new", "source.partitions: 6 is new")),
        ),
        (WIDER, False, Preflight(Way.REBUILD, ("metrics.volume.window: 1 minute is 2 minutes now",))),
        (SPEC, True, Preflight(Way.REBUILD, ("it is asked for",))),
    ],
)
def test_a_stream_that_runs(world: World, text: str, anew: bool, expected: Preflight) -> None:
    world.deploy()
    world.prove()
    assert ahead(world, text, anew=anew) == expected


def test_what_the_tables_refuse_is_refused_whatever_else_holds(world: World) -> None:
    world.deploy()
    found = ahead(world, WIDER, UserError("its topic changed", "name another"), anew=True)
    assert found.way is Way.REFUSED
    assert found.reasons == ("its topic changed: name another", "metrics.volume.window: 1 minute is 2 minutes now")


@pytest.mark.parametrize("spec", [SPEC, JOB])
def test_a_jar_that_is_not_there_is_refused_before_anything_is_ended(world: World, spec: str) -> None:
    world.deploy()
    text = f"{spec}spark: {{jars: [lib/gone.jar]}}\n"
    found = look_ahead(world.home, world.registry, parse_deployed(text), text)
    assert found.way is Way.REFUSED
    assert "lib/gone.jar in spark.jars: there is no such file" in found.reasons[0]
    assert look_ahead(world.home, world.registry, parse_deployed(spec), spec).way is not Way.REFUSED


@pytest.mark.parametrize("end", [Desired.STOPPED, Desired.SUSPENDED])
def test_a_stream_that_ended_goes_on(world: World, end: Desired) -> None:
    world.deploy()
    world.ask(end)
    assert ahead(world, SPEC) == Preflight(Way.RESUME, ())


def test_a_stream_that_waits_for_a_person_goes_on(world: World) -> None:
    world.deploy()
    failed = replace(world.row, state=State.FAILED)
    assert preflight(failed, parse_deployed(SPEC), SPEC).way is Way.RESUME


def test_what_is_new_and_what_is_gone_is_told() -> None:
    other = SPEC.replace("total: count", "sum_of_all: sum(value)") + "description: the same\n"
    assert changes(SPEC, other) == [
        "description: the same is new",
        "metrics.volume.measures.sum_of_all: sum(value) is new",
        "metrics.volume.measures.total: count is gone",
    ]
