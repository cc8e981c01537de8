"""The spec as deployed: text in the registry, a file in the stream's home for its driver."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import yaml

from tideline.home import StreamHome
from tideline.registry.rows import StreamRow
from tideline.spec.job import Spec
from tideline.spec.load import validated

_SAID: Final = 200
"""Letters that are told of an error."""


@lru_cache(maxsize=512)
def parse_deployed(text: str) -> Spec:
    """A spec that was checked when it was deployed. Kept: the watch asks for the same ones every second or two."""
    return validated(yaml.safe_load(text))


def readable(text: str) -> tuple[Spec | None, str]:
    """The spec, or None and why this version cannot read it: an upgrade may have taken away what it says."""
    try:
        return parse_deployed(text), ""
    except Exception as error:  # whatever it raises, of data that was a spec once
        return None, " ".join(str(error).split())[:_SAID]


def topic_of(text: str) -> str | None:
    """What the stream reads; None for a job that reads none, and where the spec cannot be read."""
    spec, _ = readable(text)
    return spec.topic if spec else None


def topics_of(rows: Iterable[StreamRow]) -> frozenset[str]:
    """What their streams read; of a stream whose spec cannot be read its own tick tells."""
    topics = {topic_of(row.spec) for row in rows}
    return frozenset(topic for topic in topics if topic is not None)


def write_deployed(home: StreamHome, text: str) -> None:
    """Replaces the driver's spec at once: a driver never reads half of one."""
    home.root.mkdir(parents=True, exist_ok=True)
    draft = home.spec.with_suffix(".new")
    draft.write_text(text)
    draft.replace(home.spec)
