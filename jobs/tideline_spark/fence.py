"""Whether this driver may still write: the greatest epoch in the stream's home is the only one that may."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tideline.keeper.epochs import current_epoch
from tideline.tables.delta import Superseded


@dataclass(frozen=True)
class Fence:
    """One driver's epoch, held against the numbered files that submits leave."""

    epochs: Path
    epoch: int

    def is_superseded(self) -> bool:
        return current_epoch(self.epochs) > self.epoch

    def check(self) -> None:
        """Raises Superseded once a newer epoch was made."""
        if self.is_superseded():
            raise Superseded(f"epoch {self.epoch} was superseded by {current_epoch(self.epochs)}")
