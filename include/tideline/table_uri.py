"""How a published table is called outside of its stream: importing this costs nothing."""

from __future__ import annotations


def table_uri(stream: str, metric: str) -> str:
    """The name and the URI of a table's asset: they are the same, so that one text is enough to name it."""
    return f"tideline://{stream}/{metric}"
