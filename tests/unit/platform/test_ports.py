"""Who holds a port."""

from __future__ import annotations

import os
import socket
from dataclasses import replace

import pytest

from tideline.errors import UserError
from tideline.platform.ports import accepts, holder, is_free, require_free
from tideline.settings import Ports


def test_a_taken_port_names_its_holder_and_the_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UserError) as error:
            require_free(replace(Ports(), database=port), "database")
    assert f"port {port} is taken by process {os.getpid()} (" in error.value.message
    assert "TIDELINE_DATABASE_PORT" in error.value.message
    assert "\n" not in error.value.message + error.value.fix


def test_a_port_on_all_addresses_is_taken_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_a_port_is_free_again_once_its_holder_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert (is_free(port), accepts(port)) == (False, True)
    assert (is_free(port), accepts(port)) == (True, False)


def test_nobody_found_is_said() -> None:
    assert holder(0) == "a process of another user"


def test_a_service_without_a_port_needs_none() -> None:
    require_free(Ports(), "triggerer")
