"""A new driver: every older one is fenced off before it is submitted, and a crash between two steps does no harm."""

from __future__ import annotations

from dataclasses import replace

from tideline.errors import UserError
from tideline.keeper.checkpoint_view import view_checkpoint
from tideline.keeper.deployed import write_deployed
from tideline.keeper.epochs import create_epoch, current_epoch, tag_of
from tideline.keeper.launch import Launch
from tideline.keeper.lifecycle import State
from tideline.keeper.look import Look
from tideline.keeper.recording import Caller, Way, instead_of_a_person, record
from tideline.keeper.tools import Tools
from tideline.launcher.base import DriverStillThere
from tideline.registry.rows import Attempt, StreamRow

RETRY_MS = 30_000


def fence_and_submit(tools: Tools, look: Look, by: Caller) -> StreamRow:
    """Epoch, its file, the end of the older driver, the record of the attempt, and only then the submit."""
    look = fence(tools, look)
    row = look.row
    tag = tag_of(row.name, row.epoch)
    try:
        write_deployed(tools.home.stream(row.name), row.spec)
        launch = tools.build(look.spec, row.epoch, row.generation, tag)
    except UserError as error:
        way = instead_of_a_person(row, Way(State.FAILED, f"{error.message}; {error.fix}"))
        return record(tools.registry, look, way, by)
    attempt = _attempt(tools, look, tag, by)
    row = record(tools.registry, look, Way(State.SUBMITTING, row.reason), by, attempt)
    return _submit(tools, replace(look, row=row), tag, launch, by)


def fence(tools: Tools, look: Look) -> Look:
    """Raises the epoch, for the registry and for drivers, and ends what runs under an older one."""
    row, folder = look.row, tools.home.stream(look.row.name).epochs
    generation = row.next_generation
    epoch = tools.registry.raise_epoch(row.name, row.epoch, floor=current_epoch(folder), generation=generation)
    told = {"generation": generation, "tag": tag_of(row.name, epoch), "at": look.at, "reason": row.reason}
    create_epoch(folder, epoch, told)
    tools.launcher.kill(row.name)
    return replace(look, row=replace(row, epoch=epoch, generation=generation))


def _attempt(tools: Tools, look: Look, tag: str, by: Caller) -> Attempt:
    """Read after the older driver has ended: the batches from here on are the new one's."""
    row = look.row
    folder = tools.home.stream(row.name).checkpoint(row.generation)
    last = view_checkpoint(folder, look.spec.topic).last_commit
    return Attempt(
        stream=row.name,
        epoch=row.epoch,
        generation=row.generation,
        tag=tag,
        actor=by.actor,
        base_batch=-1 if last is None else last,
        submitted_at=look.at,
    )


def _submit(tools: Tools, look: Look, tag: str, launch: Launch, by: Caller) -> StreamRow:
    try:
        tools.launcher.submit(look.row.name, tag, launch.command, launch.environment)
    except DriverStillThere as error:
        way = Way(State.BACKOFF, str(error), retry_at=look.at + RETRY_MS)
        return record(tools.registry, look, way, by)
    return record(tools.registry, look, Way(State.STARTING, f"submitted as {tag}: {look.row.reason}"), by)
