"""A new driver: every older one is fenced off before it is submitted, and a crash between two steps does no harm."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from tideline.errors import UserError
from tideline.keeper.checkpoint_view import view_checkpoint
from tideline.keeper.deployed import write_deployed
from tideline.keeper.epochs import create_epoch, current_epoch, tag_of
from tideline.keeper.last_words import begin_log
from tideline.keeper.launch import Launch
from tideline.keeper.lifecycle import State
from tideline.keeper.look import Look
from tideline.keeper.recording import Caller, Way, instead_of_a_person, record
from tideline.keeper.tools import Tools
from tideline.keeper.verdict import Thresholds
from tideline.launcher.base import DriverStillThere, LauncherUnreachable
from tideline.logs.context import About
from tideline.registry.rows import Attempt, StreamRow

RETRY_MS = 30_000
log = logging.getLogger(__name__)


def fence_and_submit(tools: Tools, look: Look, by: Caller) -> StreamRow:
    """Epoch, its file, the end of the older driver, the record of the attempt, and only then the submit.

    What the machine refuses, such as a full disk or a launcher's error, is tried again after `RETRY_MS`.
    """
    try:
        floor = current_epoch(tools.home.stream(look.row.name).epochs)
    except OSError as error:
        return record(tools.registry, look, _later(look, error), by)
    look = _raise_epoch(tools, look, floor)
    row = look.row
    tag = tag_of(row.name, row.epoch)
    try:
        launch, attempt = _prepare(tools, look, tag, by)
    except UserError as error:
        way = instead_of_a_person(row, Way(State.FAILED, f"{error.message}; {error.fix}"))
        return record(tools.registry, look, way, by)
    except Exception as error:  # whatever it is: raised, it would use up an epoch a tick and be told nowhere
        return record(tools.registry, look, _later(look, error), by)
    row = record(tools.registry, look, Way(State.SUBMITTING, row.reason), by, attempt, **_time_to_prove(tools, look))
    return _submit(tools, replace(look, row=row), tag, launch, by)


def _time_to_prove(tools: Tools, look: Look) -> dict[str, Any]:
    """A spec that is to be proved has its own time for it from its first submit, however long that had to wait."""
    row = look.row
    if row.prove_by is None or any(each.epoch > row.budget_after for each in tools.registry.attempts(row.name, 1)):
        return {}
    return {"prove_by": look.at + Thresholds.of(look.spec).prove_within_ms}


def _raise_epoch(tools: Tools, look: Look, floor: int) -> Look:
    """The look with the row as the registry has it then."""
    row, generation = look.row, look.row.next_generation
    epoch = tools.registry.raise_epoch(row.name, row.epoch, floor=floor, generation=generation)
    return replace(look, row=replace(row, epoch=epoch, generation=generation))


def _prepare(tools: Tools, look: Look, tag: str, by: Caller) -> tuple[Launch, Attempt]:
    """Fences the older driver off and ends it; then its successor's files, launch and attempt."""
    row, home = look.row, tools.home.stream(look.row.name)
    told = {"generation": row.generation, "tag": tag, "at": look.at, "reason": row.reason}
    create_epoch(home.epochs, row.epoch, told)
    tools.launcher.kill(row.name)
    write_deployed(home, row.spec)
    begin_log(home.log, About(row.name, row.generation, row.epoch), tag, look.at)
    launch = tools.build(look.spec, row.epoch, row.generation, tag)
    return launch, _attempt(tools, look, tag, by)


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
    except LauncherUnreachable:  # it may have been submitted all the same: then it is adopted
        raise
    except Exception as error:
        return record(tools.registry, look, _later(look, error), by)
    return record(tools.registry, look, Way(State.STARTING, f"submitted as {tag}: {look.row.reason}"), by)


def _later(look: Look, error: Exception) -> Way:
    """Another try, by a new epoch: whatever came of this one is fenced off and ended first."""
    if isinstance(error, DriverStillThere):
        return Way(State.BACKOFF, str(error), retry_at=look.at + RETRY_MS)
    log.error("%s: the submit failed", look.row.name, exc_info=error)
    what = " ".join(str(error).split())
    return Way(State.BACKOFF, f"not submitted: {type(error).__name__}: {what}", retry_at=look.at + RETRY_MS)
