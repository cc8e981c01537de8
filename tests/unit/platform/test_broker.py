from __future__ import annotations

import uuid

import pytest

from tideline.platform.broker import cluster_id


@pytest.mark.parametrize("first_byte", [0x00, 0xF8, 0xFB, 0xFF], ids=["letter", "dash", "dash and more", "underscore"])
def test_a_cluster_id_is_never_read_as_an_option(first_byte: int) -> None:
    text = cluster_id(uuid.UUID(bytes=bytes([first_byte]) + bytes(15)))
    assert (len(text), text.startswith("-")) == (22, False)
