"""Connections to a broker that fail at once, and in words, when there is none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaError

from tideline.errors import UserError
from tideline.isolation import Isolation

CONNECT_MS: Final = 10_000
# A seek throws away what was fetched ahead, and kafka-python decodes all it fetches: large fetches made each small
# range cost a second. Long reads are as fast with small ones.
POLL_RECORDS: Final = 20_000
_FETCH_BYTES: Final = 64 << 10


class BrokerUnreachable(UserError):
    """No broker answered at an address."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(f"no Kafka broker answers at {bootstrap}", "start the platform with `tideline up`")


@contextmanager
def admin(bootstrap: str) -> Iterator[Any]:
    with reached(bootstrap):
        client = KafkaAdminClient(bootstrap_servers=bootstrap, bootstrap_timeout_ms=CONNECT_MS)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def consumer(bootstrap: str, isolation: Isolation) -> Iterator[Any]:
    """A consumer without a group: nothing is committed, and an offset out of range is an error."""
    with reached(bootstrap):
        client = KafkaConsumer(
            bootstrap_servers=bootstrap,
            bootstrap_timeout_ms=CONNECT_MS,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            allow_auto_create_topics=False,
            isolation_level=isolation,
            max_poll_records=POLL_RECORDS,
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
    try:
        yield client
    finally:
        client.close()


@contextmanager
def reached(bootstrap: str) -> Iterator[None]:
    """Around the making of a client: BrokerUnreachable, without its patience where every address refuses."""
    if all(_refuses(address) for address in bootstrap.split(",")):
        raise BrokerUnreachable(bootstrap)
    try:
        yield
    except (KafkaError, OSError) as error:
        raise BrokerUnreachable(bootstrap) from error


def _refuses(address: str) -> bool:
    host, _, port = address.strip().rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
    except (OSError, ValueError):
        return True
    return False
