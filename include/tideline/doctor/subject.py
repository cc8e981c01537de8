"""The streams to look at: those of the registry, or, where it cannot be asked, those that have a home."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tideline.home import Home, StreamHome
from tideline.keeper.epochs import current_epoch, tag_of
from tideline.keeper.lifecycle import Desired
from tideline.registry.rows import Attempt, StreamRow


@dataclass(frozen=True)
class Subject:
    """A stream; without the registry's row its files alone are looked at."""

    name: str
    home: StreamHome
    tables: Path
    row: StreamRow | None = None
    attempt: Attempt | None = None

    @property
    def generation(self) -> int:
        """The registry's, else the newest there is a folder of; 0 where there is none."""
        return self.row.generation if self.row else max(self.generations, default=0)

    @property
    def generations(self) -> list[int]:
        """Those that have a folder."""
        names = (place.name[1:] for place in self.home.root.glob("g*/") if place.is_dir())
        return sorted(int(name) for name in names if name.isdigit())

    @property
    def tag(self) -> str:
        """That of its newest driver."""
        return tag_of(self.name, self.row.epoch if self.row else current_epoch(self.home.epochs))

    @property
    def new_driver(self) -> str:
        """The command that gives it one by the same spec and checkpoint."""
        runs = self.row is None or self.row.desired is Desired.RUNNING
        return f"tideline {'restart' if runs else 'deploy'} {self.name}"

    @property
    def new_generation(self) -> str:
        return f"tideline deploy {self.name} --new-generation"


def of_registry(home: Home, rows: Sequence[StreamRow], attempts: Mapping[str, Attempt]) -> list[Subject]:
    return [
        Subject(row.name, home.stream(row.name), home.tables(row.name), row, attempts.get(row.name)) for row in rows
    ]


def of_homes(home: Home) -> list[Subject]:
    names = sorted(spec.parent.name for spec in home.stream("*").root.parent.glob("*/spec.yaml"))
    return [Subject(name, home.stream(name), home.tables(name)) for name in names]
