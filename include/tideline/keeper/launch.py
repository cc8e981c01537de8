"""What it takes to start a driver, and who can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tideline.spec.job import Spec


@dataclass(frozen=True)
class Launch:
    """The command and the environment of one driver."""

    command: Sequence[str]
    environment: Mapping[str, str]


class BuildLaunch(Protocol):
    """Makes the launch of an epoch; UserError when the spec or the machine allows none."""

    def __call__(self, spec: Spec, epoch: int, generation: int, tag: str) -> Launch: ...
