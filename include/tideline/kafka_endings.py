"""What a broker says before it ends a connection, which kafka-python throws away.

A broker that refuses a password answers and hangs up. Where both are there at the next look, as on a busy machine,
kafka-python 3.0.12 takes the end of the connection for all there was: it tries again for as long as it may, and then
says that nobody answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

Received = tuple[bytes, Exception | None]


def hear_it_out() -> None:
    """From now on, every connection of this process hands on what it got, and is told of the end at its next look.
    To be said once."""
    for transport in (KafkaTCPTransport, KafkaSSLTransport):
        transport._sock_recv = _first_what_was_said(transport._sock_recv)


def _first_what_was_said(receive: Callable[[Any], Received]) -> Callable[[Any], Received]:
    """An ended socket says so again each time it is asked."""

    def received(transport: Any) -> Received:
        said, end = receive(transport)
        return (said, None) if said else (said, end)

    return received
