"""What came before the end of a connection is heard, and the end after it."""

from __future__ import annotations

import socket

import pytest
from kafka.net.transport import KafkaTCPTransport

import tideline.kafka_client as _every_client_comes_from_here  # noqa: F401


@pytest.mark.parametrize("said", [b"wrong password", b"", b"x" * 10_000], ids=["an answer", "nothing", "a long one"])
def test_an_answer_is_heard_before_the_end(said: bytes) -> None:
    broker, client = socket.socketpair()
    with broker, client:
        client.setblocking(False)
        transport = KafkaTCPTransport(None, client)
        broker.sendall(said)
        broker.close()
        looks = [transport._sock_recv() for _ in range(2)]
    heard = b"".join(data for data, _ in looks)
    ends = [type(end).__name__ for _, end in looks if end]
    assert (heard, ends) == (said, ["KafkaConnectionError"] * (1 if said else 2))
