"""The checks of each stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from tideline.doctor import checkpoint, drivers, epochs, owners, states, tables
from tideline.doctor.checkpoint_seen import look_at_checkpoint
from tideline.doctor.drivers import DriverProcess
from tideline.doctor.finding import Finding
from tideline.doctor.looks import Looks
from tideline.doctor.registry import RegistrySeen
from tideline.doctor.subject import Subject, of_homes, of_registry
from tideline.home import Home
from tideline.keeper.epochs import current_epoch


def look_at_streams(looks: Looks, home: Home, user: int, seen: RegistrySeen | None) -> None:
    """By the registry, or without it by their files alone."""
    subjects = of_homes(home) if seen is None else of_registry(home, seen.rows, seen.attempts)
    processes = looks.have(drivers.WHAT, "processes", lambda: drivers.look_at_drivers(home)) or []
    for subject in subjects:
        look_at_stream(looks, subject, processes, user)


def look_at_stream(looks: Looks, subject: Subject, processes: Sequence[DriverProcess], user: int) -> None:
    name, row = subject.name, subject.row
    if row is not None:
        looks.look(states.WHAT, name, lambda: states.judge_state(row))
    looks.look(checkpoint.WHAT, name, lambda: checkpoint.judge_checkpoint(look_at_checkpoint(subject)))
    looks.look(epochs.WHAT, name, lambda: epochs.judge_epochs(subject, current_epoch(subject.home.epochs)))
    looks.look(drivers.WHAT, name, lambda: drivers.judge_drivers(subject, processes))
    looks.look(owners.WHAT, name, partial(_owners, subject, user))
    looks.look(tables.WHAT, name, lambda: tables.judge_tables(name, tables.look_at_tables(subject.tables)))


def _owners(subject: Subject, user: int) -> Iterator[Finding]:
    folders = (subject.home.root, subject.tables)
    return owners.judge_owners(subject.name, [owners.look_at_owners(folder, user) for folder in folders])
