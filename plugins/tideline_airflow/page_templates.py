"""Renders the pages: everything from outside is escaped, and shown with its control characters made visible."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tideline.page import words
from tideline.page.tones import MEANINGS, SIGNS
from tideline.shown_bytes import shown
from tideline.text_table import cell
from tideline.times import iso
from tideline_airflow.links import PARTS, PREFIX, STATIC, STREAMS


@dataclass(frozen=True)
class Place:
    """Where a page is: `app` is the path of Tideline's part of the server, `now` the time (epoch ms)."""

    app: str
    now: int

    @property
    def airflow(self) -> str:
        return self.app.removesuffix(PREFIX)

    @property
    def streams(self) -> str:
        return self.app + STREAMS

    @property
    def parts(self) -> str:
        return self.app + PARTS

    @property
    def static(self) -> str:
        return self.app + STATIC


def render(template: str, place: Place, **values: Any) -> str:
    """The HTML of a page, or of a part of one."""
    return environment().get_template(template).render(place=place, **values)


def tag_of(value: object) -> str:
    """A mark that changes with a view model, and not with the time at which it is rendered."""
    return sha256(repr(value).encode()).hexdigest()[:16]


@cache
def environment() -> Environment:
    folder = Path(__file__).parent / "templates"
    found = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=words.harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "step": partial(quote, safe=""),
        "tag": tag_of,
        "at": words.at_text,
        "age": words.age_text,
        "count": words.count_text,
        "rate": words.rate_text,
        "seconds": words.seconds_text,
        "iso": iso,
        "cell": cell,
        "bytes": shown,
    }
    found.globals |= {"signs": SIGNS, "meanings": MEANINGS}
    return found
