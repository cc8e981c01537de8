"""The spec as deployed: text in the registry, a file in the stream's home for its driver."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

import yaml

from tideline.home import StreamHome
from tideline.registry.rows import StreamRow
from tideline.spec.job import Spec
from tideline.spec.load import validated


@lru_cache(maxsize=512)
def parse_deployed(text: str) -> Spec:
    """A spec that was checked when it was deployed. Kept: the watch asks for the same ones every second or two."""
    return validated(yaml.safe_load(text))


def topics_of(rows: Iterable[StreamRow]) -> frozenset[str]:
    """What their streams read; of a stream whose spec cannot be read its own tick tells."""
    topics = set()
    for row in rows:
        with suppress(Exception):
            topics.add(parse_deployed(row.spec).topic)
    return frozenset(topic for topic in topics if topic is not None)


def write_deployed(home: StreamHome, text: str) -> None:
    """Replaces the driver's spec at once: a driver never reads half of one."""
    home.root.mkdir(parents=True, exist_ok=True)
    draft = home.spec.with_suffix(".new")
    draft.write_text(text)
    draft.replace(home.spec)
