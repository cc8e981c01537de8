"""Kafka records as columns: what a reader yields and the engine parses."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

RECORDS: Final = pa.schema(
    [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("value", pa.binary()),
    ]
)

LONGEST: Final = 1_000_000
"""Bytes of a record's value that are read; a longer one is a reject, and nothing looks at what it holds."""

WHOLE_RECORDS: Final = RECORDS.append(pa.field("key", pa.binary())).append(
    pa.field("headers", pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())])))
)
"""Records with all that Kafka keeps of them, for who passes them on."""
