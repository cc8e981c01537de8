"""Every series that Tideline exports, once: exporters, documents, dashboards, rules and their tests take the names from
here, or are checked against it.

Units are base units and end the name. Counters end in `_total`, times in `_timestamp_seconds`. No label is an id: a
label's values are few, or capped in number (`tideline.exporter.labels`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What Prometheus may do with it."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


class Scope(StrEnum):
    """Who tells it: a stream's driver, which is silent when it is dead, or the platform, of all streams."""

    DRIVER = "driver"
    PLATFORM = "platform"


KEY_LABEL: Final = "key_"
"""How the label of a key column begins: `key_service` for `service`."""


@dataclass(frozen=True)
class Series:
    """One name; `unit` is empty where it is a number of things or of no unit. One that is `keyed` has, beside its
    labels, one a key column."""

    name: str
    kind: Kind
    scope: Scope
    labels: tuple[str, ...]
    unit: str
    help: str
    keyed: bool = False


def _driver(name: str, help: str, *labels: str, unit: str = "", kind: Kind = Kind.GAUGE, keyed: bool = False) -> Series:
    return Series(name, kind, Scope.DRIVER, ("stream", *labels), unit, help, keyed)


def _platform(
    name: str, help: str, *labels: str, unit: str = "", kind: Kind = Kind.GAUGE, keyed: bool = False
) -> Series:
    return Series(name, kind, Scope.PLATFORM, ("stream", *labels), unit, help, keyed)


DRIVER_INFO: Final = _driver("tideline_driver_info", "1; the code that the driver runs.", "code")
DRIVER_EPOCH: Final = _driver("tideline_driver_epoch", "The epoch of the driver that tells this.")
DRIVER_GENERATION: Final = _driver("tideline_driver_generation", "The generation of the driver's checkpoint.")
DRIVER_STARTED: Final = _driver(
    "tideline_driver_start_timestamp_seconds", "When the driver's process began.", unit="seconds"
)
BATCHES: Final = _driver("tideline_batches_total", "Batches committed by this driver.", kind=Kind.COUNTER)
BATCH_NUMBER: Final = _driver("tideline_batch_number", "The last committed batch of the generation.")
BATCH_DURATION: Final = _driver(
    "tideline_batch_duration_seconds",
    "How long a batch took, from its begin to its publication.",
    unit="seconds",
    kind=Kind.HISTOGRAM,
)
BATCH_LAST_DURATION: Final = _driver(
    "tideline_batch_last_duration_seconds", "How long the last batch took.", unit="seconds"
)
BATCH_COMMITTED: Final = _driver(
    "tideline_batch_last_commit_timestamp_seconds", "When the last batch was committed.", unit="seconds"
)
BATCH_GROUPS: Final = _driver("tideline_batch_groups", "Groups (metric, window, key) that the last batch had rows for.")
RECORDS: Final = _driver("tideline_records_total", "Kafka records read.", kind=Kind.COUNTER)
REJECTS: Final = _driver("tideline_rejects_total", "Records that were refused, by reason.", "reason", kind=Kind.COUNTER)
LATE_EVENTS: Final = _driver(
    "tideline_late_events_total", "Events of which the watermark dropped at least one window.", kind=Kind.COUNTER
)
LATE_GROUPS: Final = _driver(
    "tideline_late_groups_total",
    "Groups that Spark dropped behind the watermark, by its own counter.",
    kind=Kind.COUNTER,
)
BACKLOG: Final = _driver(
    "tideline_backlog_offsets", "Offsets in Kafka beyond the last committed batch, by partition.", "partition"
)
WATERMARK: Final = _driver(
    "tideline_watermark_timestamp_seconds", "The watermark of the last batch; absent before the first event.",
    unit="seconds",
)  # fmt: skip
WATERMARK_DELAY: Final = _driver(
    "tideline_watermark_delay_seconds", "How far the watermark was behind the last batch's time.", unit="seconds"
)
STATE_GROUPS: Final = _driver("tideline_state_groups", "Groups in Spark's state store.")
STATE_BYTES: Final = _driver("tideline_state_bytes", "Memory that Spark's state store uses.", unit="bytes")
PART_FAILS: Final = _driver(
    "tideline_part_failing", "1 for a table, detector or sink that fails while the rest goes on.", "part"
)
WINDOW_VALUE: Final = _driver(
    "tideline_window_value",
    "A measure of the newest window that event time has passed, by key; corrections of older windows do not show here.",
    "metric",
    "measure",
    keyed=True,
)
WINDOW_END: Final = _driver(
    "tideline_window_end_timestamp_seconds",
    "The end of the window that tideline_window_value tells.",
    "metric",
    unit="seconds",
)
WINDOW_GROUPS: Final = _driver("tideline_window_groups", "Keys that this window has.", "metric")
WINDOW_GROUPS_HIDDEN: Final = _driver(
    "tideline_window_groups_hidden",
    "Keys of this window that tideline_window_value leaves out, being too many.",
    "metric",
)

STREAM_STATE: Final = _platform("tideline_stream_state", "1 for the state that the stream is in, else 0.", "state")
STREAM_DESIRED: Final = _platform("tideline_stream_desired", "1 for what is wanted of the stream, else 0.", "desired")
STREAM_SINCE: Final = _platform(
    "tideline_stream_state_since_timestamp_seconds", "When the stream came into its state.", unit="seconds"
)
STREAM_VERDICT: Final = _platform(
    "tideline_stream_verdict",
    "1 for what is said of the running driver, of several things the gravest; severity is page, warn or none.",
    "verdict",
    "severity",
)
PROOF_DUE: Final = _platform(
    "tideline_stream_proof_due_timestamp_seconds",
    "By when the driver is to be proved, from its submit: its start, and the triggers that prove it; absent once it "
    "has ended, and where two were lost on the way.",
    unit="seconds",
)
STREAM_EPOCH: Final = _platform("tideline_stream_epoch", "The stream's epoch in the registry.")
STREAM_GENERATION: Final = _platform("tideline_stream_generation", "The stream's generation in the registry.")
ATTEMPTS_ENDED: Final = _platform(
    "tideline_attempts_ended_total",
    "Drivers that ended, by why: a failure's class, or replaced or stopped.",
    "outcome",
    kind=Kind.COUNTER,
)
BUDGET_LEFT: Final = _platform(
    "tideline_restart_budget_left", "How many more failures put the stream into a crash loop."
)
HEARTBEAT: Final = _platform(
    "tideline_heartbeat_timestamp_seconds", "When the newest driver last gave its word.", unit="seconds"
)
KEEPER_LOOKED: Final = _platform(
    "tideline_keeper_look_timestamp_seconds",
    "When a keeper last looked at a driver of the stream, or changed its state.",
    unit="seconds",
)
STREAM_BACKLOG: Final = _platform(
    "tideline_stream_backlog_offsets",
    "Offsets in Kafka beyond the last commit, by the keeper's last look at a driver; absent 5 minutes after that.",
)
STREAM_UNREAD: Final = _platform(
    "tideline_stream_unread_retention_ratio",
    "How much of the time or bytes that Kafka keeps is over for the oldest record that was not read: 0 with no backlog,"
    " 1 where it may go; by the keeper's last look, whether a driver runs or not; absent 5 minutes after that.",
    unit="ratio",
)
LEDGER_EVENTS: Final = _platform(
    "tideline_ledger_events",
    "Events of the books by fate: sent, rejected, counted, late; of the late: corrected, pending, held, unrecoverable.",
    "fate",
)
BOOKS_BALANCED: Final = _platform(
    "tideline_books_balanced", "1 where sent = rejected + counted + late holds, 0 where it does not."
)
PENDING_SINCE: Final = _platform(
    "tideline_pending_since_timestamp_seconds",
    "When the oldest batch was recorded whose late events wait for a reconciliation; absent where none waits.",
    unit="seconds",
)
ANOMALIES: Final = _platform(
    "tideline_anomalies", "Anomalies in the stream's table, by kind: raised ones stand, withdrawn ones do not.",
    "kind", "status",
)  # fmt: skip
ANOMALY_SCORE: Final = _platform(
    "tideline_anomaly_score",
    "The score of each key's newest anomaly that stands and was raised in the last hour; NaN where its detector gives "
    "none.",
    "kind",
    keyed=True,
)
LOOK_DURATION: Final = Series(
    "tideline_exporter_look_duration_seconds",
    Kind.GAUGE,
    Scope.PLATFORM,
    ("part",),
    "seconds",
    "How long the platform's exporter took for its last look, by part: streams, books.",
)
LOOKED_AT: Final = Series(
    "tideline_exporter_look_timestamp_seconds",
    Kind.GAUGE,
    Scope.PLATFORM,
    ("part",),
    "seconds",
    "When the platform's exporter last looked without a failure, by part; before the first time, when it began.",
)
LOOK_FAILURES: Final = Series(
    "tideline_exporter_look_failures_total",
    Kind.COUNTER,
    Scope.PLATFORM,
    ("part",),
    "",
    "Looks that failed, by part: what is told of it is soon missing then.",
)

CATALOGUE: Final[tuple[Series, ...]] = tuple(value for value in globals().values() if isinstance(value, Series))
