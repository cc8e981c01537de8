"""A demo that begins anew stops a stream only if the registry knows it, and it is not at its end."""

from __future__ import annotations

import pytest

from tideline.demo.fresh import must_be_stopped


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], False),
        ([{"name": "other", "state": "STABLE"}], False),
        ([{"name": "s", "state": "STOPPED"}], False),
        ([{"name": "s", "state": "STABLE"}], True),
        ([{"name": "s", "state": "DRAINING"}], True),
        ([{"name": "other", "state": "STOPPED"}, {"name": "s", "state": "FAILED"}], True),
    ],
)
def test_only_a_known_stream_that_is_not_stopped_is_stopped(rows: list[dict[str, object]], expected: bool) -> None:
    assert must_be_stopped(rows, "s") is expected
