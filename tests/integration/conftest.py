"""Fresh platforms, for tests that end theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.platform import Platform, new_platform


@pytest.fixture
def fresh_platform(tmp_path: Path) -> Iterator[Platform]:
    """A platform of this test alone, not up yet."""
    with new_platform(tmp_path / "home") as platform:
        yield platform
