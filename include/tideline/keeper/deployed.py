"""The spec as deployed: text in the registry, a file in the stream's home for its driver."""

from __future__ import annotations

from functools import lru_cache

import yaml

from tideline.home import StreamHome
from tideline.spec.model import StreamSpec


@lru_cache(maxsize=512)
def parse_deployed(text: str) -> StreamSpec:
    """A spec that was checked when it was deployed. Kept: the watch asks for the same ones every second or two."""
    return StreamSpec.model_validate(yaml.safe_load(text))


def write_deployed(home: StreamHome, text: str) -> None:
    """Replaces the driver's spec at once: a driver never reads half of one."""
    home.root.mkdir(parents=True, exist_ok=True)
    draft = home.spec.with_suffix(".new")
    draft.write_text(text)
    draft.replace(home.spec)
