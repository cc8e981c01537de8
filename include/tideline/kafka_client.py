"""Connections to a broker that fail at once, and in words, when there is none."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import AuthorizationError, KafkaError, SaslAuthenticationFailedError

from tideline.errors import UserError
from tideline.isolation import Isolation
from tideline.kafka_access import KafkaAccess
from tideline.kafka_endings import hear_it_out

hear_it_out()

CONNECT_MS: Final = 10_000
# A seek throws away what was fetched ahead, and kafka-python decodes all it fetches: large fetches made each small
# range cost a second. Long reads are as fast with small ones.
POLL_RECORDS: Final = 20_000
_FETCH_BYTES: Final = 64 << 10


class BrokerUnreachable(UserError):
    """No broker answered at an address."""

    def __init__(self, kafka: KafkaAccess) -> None:
        how = "" if kafka.protocol == "PLAINTEXT" else f" by {kafka.protocol}"
        fix = "start the platform with `tideline up`" if kafka.is_local else "look whether it runs"
        fix += ", and at what docs/configuration.md says of kafka.yaml" if how or not kafka.is_local else ""
        super().__init__(f"no Kafka broker answers at {kafka}{how}", fix)


class AccessDenied(UserError):
    """The broker knows the account not, or its password, or does not allow it what was asked."""

    def __init__(self, kafka: KafkaAccess, why: Exception) -> None:
        who = f"user '{kafka.username}'" if kafka.authenticates else "a client without a name"
        fix = "mend user and password, or the broker's rights: docs/configuration.md says where they come from"
        said = str(why).rpartition("Error: ")[2]  # after the exception's number and name
        super().__init__(f"the Kafka broker at {kafka} does not let {who} in: {said}", fix)


@contextmanager
def admin(kafka: KafkaAccess) -> Iterator[Any]:
    with reached(kafka):
        client = KafkaAdminClient(**kafka.client(), bootstrap_timeout_ms=CONNECT_MS)
    try:
        yield client
    except AuthorizationError as error:
        raise AccessDenied(kafka, error) from error
    finally:
        client.close()


@contextmanager
def consumer(kafka: KafkaAccess, isolation: Isolation) -> Iterator[Any]:
    """A consumer without a group: nothing is committed, and an offset out of range is an error."""
    with reached(kafka):
        client = KafkaConsumer(
            **kafka.client(),
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
    except AuthorizationError as error:
        raise AccessDenied(kafka, error) from error
    finally:
        client.close()


@contextmanager
def reached(kafka: KafkaAccess) -> Iterator[None]:
    """Around the making of a client: BrokerUnreachable, without its patience where every address refuses, or
    AccessDenied."""
    if all(_refuses(address) for address in kafka.servers.split(",")):
        raise BrokerUnreachable(kafka)
    try:
        with _without_a_second_try():
            yield
    except (AuthorizationError, SaslAuthenticationFailedError) as error:
        raise AccessDenied(kafka, error) from error
    except (KafkaError, OSError) as error:
        raise BrokerUnreachable(kafka) from error


class _Refused(logging.Handler):
    """Ends the making of a client that was not let in: kafka-python tells of it in its log alone, tries again until its
    patience is over, and then says that nobody answers."""

    def emit(self, record: logging.LogRecord) -> None:
        refused = [each for each in record.args or () if isinstance(each, SaslAuthenticationFailedError)]
        if refused and record.levelno == logging.WARNING:
            raise refused[0]


@contextmanager
def _without_a_second_try() -> Iterator[None]:
    log, listener = logging.getLogger("kafka.net.manager"), _Refused(logging.WARNING)
    log.addHandler(listener)
    try:
        yield
    finally:
        log.removeHandler(listener)


def _refuses(address: str) -> bool:
    host, _, port = address.strip().rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
    except (OSError, ValueError):
        return True
    return False
