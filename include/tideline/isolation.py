"""What a reader sees of Kafka transactions: stream, reconciler and verify must all see the same.

Under `read_committed` aborted records are passed over, and nobody reads beyond a transaction that is still open.
Under `read_uncommitted` every record counts. The level is in the spec, and each ledger row keeps the batch's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal

from tideline.errors import UserError

if TYPE_CHECKING:
    from tideline.ledger import LedgerRow

Isolation = Literal["read_committed", "read_uncommitted"]
ISOLATION: Final = "isolation"
"""The key of a ledger row's settings that holds the level its batch was read with."""
_UNRECORDED: Final = "read_committed"
"""What the streams read with whose rows do not say it."""


class IsolationDiffers(UserError):
    """A batch was read with another isolation level than the one it would now be read with."""


def isolation_of(row: LedgerRow) -> str:
    """The level a batch was read with."""
    return row.settings.get(ISOLATION, _UNRECORDED)


def require_isolation(rows: Iterable[LedgerRow], isolation: Isolation) -> None:
    """Refuses to read, with this level, what a batch read with another: other records would count."""
    for row in rows:
        if isolation_of(row) != isolation:
            raise IsolationDiffers(
                f"generation {row.generation}, batch {row.batch} was read with {isolation_of(row)}, "
                f"the spec says {isolation}: they do not see the same records",
                f"put `isolation: {isolation_of(row)}` back into the spec's source",
            )
