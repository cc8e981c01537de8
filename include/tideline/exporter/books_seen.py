"""What a stream's books and anomalies say, as series. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tideline.exporter import catalogue as series
from tideline.exporter.exposition import Exposition

if TYPE_CHECKING:
    from tideline.ledger import Books

_FATES: Final = ("sent", "rejected", "counted", "late", "corrected", "pending", "held", "unrecoverable")


@dataclass(frozen=True)
class Score:
    """An anomaly that stands, with its key as labels."""

    kind: str
    keys: Mapping[str, str]
    score: float


@dataclass(frozen=True)
class BooksSeen:
    """A stream's books, since when something is pending (epoch ms), and its anomalies by (kind, status)."""

    stream: str
    books: Books
    pending_since: int | None
    anomalies: Mapping[tuple[str, str], int]
    scores: Sequence[Score]


def tell_books(exposition: Exposition, seen: Iterable[BooksSeen]) -> None:
    for each in seen:
        for fate in _FATES:
            exposition.tell(series.LEDGER_EVENTS, getattr(each.books, fate), stream=each.stream, fate=fate)
        exposition.tell(series.BOOKS_BALANCED, each.books.balanced, stream=each.stream)
        exposition.tell_seconds(series.PENDING_SINCE, each.pending_since, stream=each.stream)
        for (kind, status), count in sorted(each.anomalies.items()):
            exposition.tell(series.ANOMALIES, count, stream=each.stream, kind=kind, status=status)
        for score in each.scores:
            exposition.tell(series.ANOMALY_SCORE, score.score, score.keys, stream=each.stream, kind=score.kind)
