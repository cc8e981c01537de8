"""docs/metrics.md has the catalogue as it is, and says the caps as they are."""

from __future__ import annotations

import pytest

from tideline.exporter.books_look import MOST_SCORES
from tideline.exporter.catalogue import CATALOGUE
from tideline.exporter.document import PAGE, with_tables
from tideline.exporter.driver_seen import MOST_REASONS
from tideline.exporter.labels import EMPTY, LONGEST, NULL, OTHER
from tideline.exporter.live_windows import MOST_KEYS, MOST_KEYS_EVER
from tideline.exporter.push import JOB, PERIOD_S
from tideline.settings import Ports

TEXT = PAGE.read_text()


def test_the_tables_are_those_of_the_catalogue() -> None:
    assert with_tables(TEXT) == TEXT
    assert all(TEXT.count(f"| `{series.name}` |") == 1 for series in CATALOGUE)


@pytest.mark.parametrize(
    "said",
    [
        f"| keys of a window | {MOST_KEYS} a metric",
        f"| keys of a metric | {MOST_KEYS_EVER} a driver",
        f"| keys with an anomaly | {MOST_SCORES} a kind",
        f"| reasons of rejects | {MOST_REASONS} |",
        f"| a label's text | {LONGEST} bytes |",
        *(f"`{label}`" for label in (NULL, EMPTY, OTHER)),
        f'job="{JOB}"',
        f"every {PERIOD_S:g} seconds",
        f"port {Ports().exporter}",
    ],
)
def test_what_the_page_says_is_so(said: str) -> None:
    assert said in " ".join(TEXT.split())
