"""The numbered files that fence drivers off, against the epoch that the registry knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tideline.doctor.finding import Finding
from tideline.doctor.subject import Subject

WHAT: Final = "epochs"


def judge_epochs(subject: Subject, greatest: int) -> Iterator[Finding]:
    """`greatest` is that of the files. A keeper may be between the two: an attempt comes after its epoch's file."""
    if subject.row is None:
        return
    epoch, where = subject.row.epoch, f"{subject.name}, {subject.home.epochs}"
    if greatest > epoch:
        problem = f"there is a file of epoch {greatest}, and the registry is at {epoch}: the driver of {epoch} must end"
        yield Finding(WHAT, where, problem, f"run `{subject.new_driver}`: the next epoch is above both")
    elif greatest < epoch and subject.attempt is not None:
        problem = f"the registry is at epoch {epoch}, and its file is gone: older drivers are not fenced off"
        yield Finding(WHAT, where, problem, f"run `{subject.new_driver}`")
