"""What a telling of the story proved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Proof:
    """What the demo proved: events, windows compared, and seconds from the kill."""

    sent: int
    counted: int
    rejected: int
    late: int
    corrected: int
    windows: int
    differences: int
    detect_s: float
    first_batch_s: float

    @property
    def holds(self) -> bool:
        """Every event is accounted for, all late ones are corrected, and no window differs."""
        return (
            self.sent == self.counted + self.rejected + self.late
            and self.late == self.corrected
            and not self.differences
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
