from __future__ import annotations

from pathlib import Path

from support.keeper_world import SPEC, STREAM, World
from tideline.keeper.asking import ask_to_deploy
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.lifecycle import Desired

OTHER = SPEC.replace("5 minutes", "6 minutes")


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
