"""Reads the batches' totals, which sums over a long ledger need, without building its rows."""

from __future__ import annotations

from typing import Final

import pyarrow.compute as pc
from pyarrow.dataset import Dataset

from tideline.engine.cells import connect
from tideline.ledger_view import Account
from tideline.tables.schemas import LEDGER_KIND

_COLUMNS: Final = {
    "version": pc.field("version"),
    "batch_at": pc.field("batch_at"),
    "ranges": pc.field("ledger", "ranges"),
    "panes": pc.field("ledger", "panes"),
}
_SUMS: Final = """
select version, epoch_ms(batch_at),
  coalesce(list_sum([part.rows for part in ranges]), 0)::bigint,
  coalesce(list_sum([part.rejects for part in ranges]), 0)::bigint,
  coalesce(list_sum([pane.events for pane in panes]), 0)::bigint
from read order by version"""


def accounts_of(parts: Dataset) -> list[Account]:
    """Every ledgered batch's totals, oldest first, from the rows of `parts`."""
    connection = connect()
    connection.register("read", parts.to_table(columns=_COLUMNS, filter=pc.field("kind") == LEDGER_KIND))
    return [Account(*row) for row in connection.sql(_SUMS).fetchall()]
