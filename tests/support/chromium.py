"""The browser that the tests drive: Debian's Chromium or Google Chrome."""

from __future__ import annotations

from support.debian import CHROMIUM

find = CHROMIUM.find
MISSING = CHROMIUM.missing
