"""How a stream's metrics leave its driver, beside being scraped."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from tideline.spec.parts import Model


def _address(text: str) -> str:
    """A gateway's address without what a path is added to wrongly."""
    try:
        parts = urlsplit(text)
        plain = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        plain = False
    if not plain or parts.query or parts.fragment or parts.username or not text.isprintable() or " " in text:
        raise ValueError(f"'{text}' is no address of a Pushgateway: write one such as http://127.0.0.1:9091")
    return text


class Exporter(Model):
    """`pushgateway`: the address of a Pushgateway to which the driver pushes its metrics."""

    pushgateway: Annotated[str, AfterValidator(_address)] | None = None
