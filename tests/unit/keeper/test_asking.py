from __future__ import annotations

from pathlib import Path

import pytest

from support.keeper_world import SPEC, STREAM, World
from tideline.errors import UserError
from tideline.keeper.asking import ask_to_deploy
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.lifecycle import Desired

OTHER = SPEC.replace("5 minutes", "6 minutes")


def ask(world: World, text: str, folder: Path) -> None:
    file = folder / f"{STREAM}.yaml"
    file.write_text(text)
    ask_to_deploy(world.registry, world.home, parse_deployed(text), file, "ann")


def test_a_deploy_is_remembered_with_who_asked(world: World, tmp_path: Path) -> None:
    ask(world, SPEC, tmp_path)
    assert (world.row.desired, world.row.asked_by, world.row.spec) == (Desired.RUNNING, "ann", SPEC)


def test_another_watermark_is_welcome_before_the_first_batch(world: World, tmp_path: Path) -> None:
    ask(world, SPEC, tmp_path)
    ask(world, OTHER, tmp_path)
    assert world.row.spec == OTHER


def test_another_watermark_is_refused_once_a_checkpoint_has_begun(world: World, tmp_path: Path) -> None:
    ask(world, SPEC, tmp_path)
    world.commit(0, end=0)
    with pytest.raises(UserError, match="watermark or metrics have changed"):
        ask(world, OTHER, tmp_path)
    assert world.row.spec == SPEC


def test_what_changes_no_numbers_may_always_change(world: World, tmp_path: Path) -> None:
    ask(world, SPEC, tmp_path)
    world.commit(0, end=0)
    slower = SPEC.replace("2 seconds", "3 seconds")
    ask(world, slower, tmp_path)
    assert world.row.spec == slower
