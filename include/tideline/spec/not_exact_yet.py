"""What a spec may not ask for, because late data could not be made exact there; each with its reason and a way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple


class Refusal(NamedTuple):
    """Why a key is refused, what to do instead, and the key that it stands in place of."""

    reason: str
    instead: str
    replaces: str = ""


_REFUSED: Final = {
    "sources": Refusal(
        "a stream reads one topic: Spark restores only the common watermark of several after a restart, "
        "so what it dropped would depend on which topic delivers first",
        "deploy a stream for each topic, and combine their tables",
        "source",
    ),
    "deduplicate": Refusal(
        "deduplication drops events whose window is still open, and which copy came first cannot be told from the log",
        "count_distinct(request_id) counts an id once, however often and however late it comes",
    ),
    "join": Refusal(
        "a join cannot be corrected: a late row changes rows that were published without it",
        "deploy a stream for each side, and join their tables",
    ),
    "session": Refusal(
        "sessions cannot be corrected: a late event between two of them makes them one",
        "use windows of a fixed length, as in `window: 5 minutes`",
        "window",
    ),
}
REFUSED: Final = _REFUSED | {  # and as others would write it
    "topics": _REFUSED["sources"]._replace(replaces="topic"),
    **dict.fromkeys(("dedup", "dedupe", "deduplication"), _REFUSED["deduplicate"]),
    "joins": _REFUSED["join"],
    "sessions": _REFUSED["session"],
}


def is_replaced(missing: Sequence[int | str], unknown: Sequence[Sequence[int | str]]) -> bool:
    """Whether a key is missing only because a refused one stands in its place."""
    return any(
        tuple(missing) == (*path[:-1], REFUSED[str(path[-1])].replaces) for path in unknown if path[-1] in REFUSED
    )
