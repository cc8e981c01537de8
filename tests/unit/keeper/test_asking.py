from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from support.keeper_world import SPEC, STREAM, World
from tideline.errors import UserError
from tideline.keeper.asking import ask_to_deploy, ask_to_end, ask_to_restart, ask_to_resume, ask_to_roll_back
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.verdict import Thresholds
from tideline.registry.requests import Request
from tideline.spec.job import Spec

OTHER = SPEC.replace("5 minutes", "6 minutes")


def anything(_: Spec) -> None:
    """Every spec would start."""


def ask(world: World, text: str, folder: Path, new_generation: bool = False) -> None:
    file = folder / f"{STREAM}.yaml"
    file.write_text(text)
    ask_to_deploy(world.registry, parse_deployed(text), file, "ann", new_generation)


def test_a_deploy_is_remembered_with_who_asked(world: World, tmp_path: Path) -> None:
    ask(world, SPEC, tmp_path)
    assert (world.row.desired, world.row.asked_by, world.row.spec) == (Desired.RUNNING, "ann", SPEC)


def test_another_watermark_is_no_new_generation_before_the_first_submit(world: World, tmp_path: Path) -> None:
    ask(world, SPEC, tmp_path)
    ask(world, OTHER, tmp_path)
    assert (world.row.spec, world.row.next_generation) == (OTHER, 1)


def test_another_watermark_begins_a_new_generation_with_the_next_submit(world: World, tmp_path: Path) -> None:
    ask(world, SPEC, tmp_path)
    world.tick()
    ask(world, OTHER, tmp_path)
    assert (world.row.generation, world.row.next_generation) == (1, 2)
    world.launcher.end(0)
    world.tick()
    assert (world.row.generation, world.row.next_generation, world.row.spec) == (2, 2, OTHER)


def test_a_new_generation_can_be_asked_for_and_is_never_the_one_just_submitted(world: World, tmp_path: Path) -> None:
    ask(world, SPEC, tmp_path)
    world.tick()
    before = world.row.requested
    ask(world, SPEC, tmp_path, new_generation=True)
    assert (world.row.next_generation, world.row.requested > before) == (2, True)
    ask(world, OTHER, tmp_path)  # a keeper that looked before has 2 in its hands, with the spec as it was then
    assert world.row.next_generation == 3


def test_what_changes_no_numbers_goes_on_with_the_checkpoint(world: World, tmp_path: Path) -> None:
    ask(world, SPEC, tmp_path)
    world.tick()
    slower = SPEC.replace("2 seconds", "3 seconds")
    ask(world, slower, tmp_path)
    assert (world.row.spec, world.row.next_generation) == (slower, 1)


def stable(world: World) -> None:
    world.deploy()
    world.prove()


def test_a_suspended_stream_is_resumed_and_a_stopped_one_is_not(world: World) -> None:
    stable(world)
    ask_to_end(world.registry, STREAM, "someone", Desired.SUSPENDED)
    world.tick()
    world.launcher.end(0)
    assert world.tick().state is State.SUSPENDED
    ask_to_resume(world.registry, STREAM, "someone")
    assert world.tick().state is State.STARTING
    ask_to_end(world.registry, STREAM, "someone", Desired.STOPPED)
    again = partial(ask_to_restart, check=anything)
    for ask in (ask_to_resume, again, partial(ask_to_end, end=Desired.SUSPENDED)):
        with pytest.raises(UserError, match=r"is stopped|is not wanted running"):
            ask(world.registry, STREAM, "someone")
    assert world.row.desired is Desired.STOPPED


def test_a_restart_is_a_new_driver_of_the_same_spec_and_checkpoint(world: World) -> None:
    stable(world)
    before = world.row
    ask_to_restart(world.registry, STREAM, "someone", anything)
    assert world.tick().state is State.UPGRADING
    world.launcher.end(0)
    after = world.tick()
    assert (after.state, after.epoch, after.generation) == (State.STARTING, before.epoch + 1, before.generation)
    assert (after.spec, after.prove_by) == (before.spec, None)


def test_a_driver_goes_on_where_its_spec_would_not_start_again(world: World) -> None:
    stable(world)
    other = f"{SPEC}description: again\n"
    world.ask(Desired.RUNNING, other)
    world.tick()
    world.launcher.end(0)
    world.tick()
    before = world.row
    asked: list[Spec] = []

    def check(spec: Spec) -> None:
        asked.append(spec)
        raise UserError("a jar is gone", "put it back")

    for ask in (ask_to_restart, ask_to_roll_back):
        with pytest.raises(UserError, match="a jar is gone"):
            ask(world.registry, STREAM, "someone", check)
    assert world.row == before
    assert asked == [parse_deployed(other), parse_deployed(SPEC)]


def test_what_this_version_cannot_read_is_told_and_not_started(world: World) -> None:
    stable(world)
    unread = SPEC.replace("window:", "no_such_key:")
    world.registry.request(Request(STREAM, Desired.RUNNING, "someone", unread, "of another version"))
    with pytest.raises(UserError, match="this version cannot read the spec it would run by"):
        ask_to_restart(world.registry, STREAM, "someone", anything)


def test_a_rollback_by_hand_goes_to_the_stable_spec_before_and_back(world: World) -> None:
    stable(world)
    with pytest.raises(UserError, match="STABLE by no other spec"):
        ask_to_roll_back(world.registry, STREAM, "someone", anything)
    other = SPEC.replace("1 minute", "2 minutes")
    refused = SPEC.replace("1 minute", "3 minutes")
    for spec, is_proved in ((other, True), (refused, False)):
        world.ask(Desired.RUNNING, spec)
        world.tick()
        world.launcher.end(0)
        world.tick()
        if is_proved:
            world.beat(idle_triggers=3)
            assert world.tick().state is State.STABLE
    world.launcher.end(65)
    world.tick()
    assert world.row.spec == other
    kept = world.registry.specs(STREAM)
    assert [(each.spec, each.stable_at is not None, each.refused is not None) for each in kept] == [
        (refused, False, True),
        (other, True, False),
        (SPEC, True, False),
    ]
    ask_to_roll_back(world.registry, STREAM, "someone", anything)
    assert world.row.spec == SPEC
    assert world.row.prove_by == world.clock.now + Thresholds.of(parse_deployed(SPEC)).prove_within_ms
