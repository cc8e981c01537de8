"""A log of steady traffic in Kafka: a thousand JSON logs a second of event time.

Each is at most a minute out of order, so that none is late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import duckdb

from tideline.kafka_access import KafkaAccess
from tideline.produce.sender import Sender

FIRST_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_CHUNK: Final = 50_000
PARTITIONS: Final = 3

# hash() of the number and a word is a die that always falls the same way. Few users make most of the requests, each
# from one of two addresses, which others share.
_LINES: Final = """
select encode(to_json({{
    timestamp: {first} + n - (hash(n, 'disorder') % 60000)::bigint,
    level: if(status >= 500, 'ERROR', 'INFO'),
    service: 'service-' || least(hash(n, 'service') % 12, hash(n, 'other service') % 12),
    message: 'GET /orders/' || hash(n, 'order') % 1000000 || ' answered from the cache of the region',
    ip_address: '10.' || address // 250 || '.' || address % 250 || '.17',
    user_id: 'user-' || person,
    request_id: format('{{:016x}}', hash(n, 'request')),
    response_time: (hash(n, 'time') % 2000000)::double / 1000000,
    status_code: status,
    error_code: if(status >= 500, 'E42', null)
}})::varchar)
from (
  select n, person, (person * 2 + hash(n, 'address') % 2) % 2500 as address,
    case hash(n, 'status') % 50 when 0 then 500 when 1 then 404 else 200 end as status
  from (select n, (5000 * pow((hash(n, 'user') % 1000000) / 1e6, 2))::integer as person
        from range({begin}, {end}) numbers(n)))"""


def send(events: int, kafka: KafkaAccess, topic: str, progress: Callable[[int], None] = lambda _: None) -> None:
    """So many records, in turn to three partitions."""
    connection = duckdb.connect()
    with Sender(kafka, topic, PARTITIONS) as sender:
        for begin in range(0, events, _CHUNK):
            lines = _LINES.format(first=FIRST_MS, begin=begin, end=min(begin + _CHUNK, events))
            for (line,) in connection.sql(lines).fetchall():
                sender.send(line)
            progress(sender.sent)
