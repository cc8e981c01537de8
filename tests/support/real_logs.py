"""Real logs beside the project, for tests; without them a test says what it skipped."""

from __future__ import annotations

import pytest

from support.records import CHECKOUT

SHARED = CHECKOUT.parent / "shared" / "data"


def real_log(name: str) -> list[bytes]:
    """The lines of a real log as they are."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the checkout (../shared/data): real lines were not tried")
    return [line.removesuffix(b"\n") for line in path.open("rb")]
