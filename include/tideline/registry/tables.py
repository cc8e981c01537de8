"""The registry's tables, as the newest migration leaves them. Times are epoch milliseconds."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

metadata = MetaData()

# SQLite numbers rows by itself only in an INTEGER key.
RowId = BigInteger().with_variant(Integer, "sqlite")

streams = Table(
    "streams",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("desired", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    # What the next submit begins or goes on with: above `generation` when a new checkpoint is wanted.
    Column("next_generation", Integer, nullable=False),
    # A request is acted on once: `requested` counts what people asked for, `acted` what the keeper has begun.
    Column("requested", Integer, nullable=False),
    Column("acted", Integer, nullable=False),
    Column("asked_by", String(200), nullable=False),
    # What that person asked for, in a word: none of a request made before it was kept.
    Column("asked_for", String(16)),
    Column("spec", Text, nullable=False),
    Column("fingerprint", String(16), nullable=False),
    Column("stable_spec", Text),
    # A deploy that is not proved by then gives way to `stable_spec`; none is set where there is nothing to go back to.
    Column("prove_by", BigInteger),
    # Why the last deploy gave way.
    Column("refused", Text),
    Column("retry_at", BigInteger),
    # How often a crash loop was tried since it began; a stream that is in none has 0.
    Column("probes", Integer, nullable=False),
    # Failures of this epoch and of older ones use up no budget: another start was asked for since, or another spec put
    # back.
    Column("budget_after", Integer, nullable=False),
    # How many drivers were lost since the stream was last STABLE or asked for, and how the last of them was.
    Column("losses", Integer, nullable=False),
    Column("lost", Text),
    Column("state_since", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("lease_holder", String(200)),
    Column("lease_until", BigInteger),
)

attempts = Table(
    "attempts",
    metadata,
    Column("stream", String(63), ForeignKey("streams.name"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("tag", String(100), nullable=False),
    Column("actor", String(200), nullable=False),
    # The last batch committed before this attempt: what comes after it is the attempt's own.
    Column("base_batch", BigInteger, nullable=False),
    Column("submitted_at", BigInteger, nullable=False),
    Column("stable_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("exit_status", Integer),
    Column("outcome", String(32)),
    PrimaryKeyConstraint("stream", "epoch"),
)

# Every spec that a stream was asked to run by, in the order of the requests.
specs = Table(
    "specs",
    metadata,
    Column("stream", String(63), ForeignKey("streams.name"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("spec", Text, nullable=False),
    Column("asked_by", String(200), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("stable_at", BigInteger),
    Column("refused", Text),
    PrimaryKeyConstraint("stream", "number"),
)

# What was seen of a stream every half minute, for a day: see `tideline.keeper.samples.Sample`.
samples = Table(
    "samples",
    metadata,
    Column("stream", String(63), ForeignKey("streams.name"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("backlog", BigInteger),
    Column("read", BigInteger),
    Column("watermark", BigInteger),
    Column("batch", BigInteger),
    Column("batch_ms", BigInteger),
    Column("rows", BigInteger),
    Column("unread", Double),
    PrimaryKeyConstraint("stream", "at"),
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("stream", String(63), ForeignKey("streams.name"), nullable=False),
    Column("from_state", String(16), nullable=False),
    Column("to_state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("dag_run", String(250)),
    Column("at", BigInteger, nullable=False),
    Index("transitions_of_stream", "stream", "id"),
)

# The last notice of each trouble that each notifier sent: see `tideline.notify.decide`.
notices = Table(
    "notices",
    metadata,
    Column("stream", String(63), ForeignKey("streams.name"), nullable=False),
    Column("notifier", String(63), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("transition", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream", "notifier", "reason", "severity"),
)

# What a stream's tables have announced: of a metric's up to when it is complete (us), of corrections and overrides the
# sequence. See `tideline.announce`.
announced = Table(
    "announced",
    metadata,
    Column("stream", String(63), ForeignKey("streams.name"), nullable=False),
    Column("table_name", String(63), nullable=False),
    Column("told", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream", "table_name"),
)

# What a stream's tables of late alerts and anomalies raised of a kind: how many, the newest (us) and what it says. See
# `tideline.notify.raised`.
raised = Table(
    "raised",
    metadata,
    Column("stream", String(63), ForeignKey("streams.name"), nullable=False),
    Column("table_name", String(16), nullable=False),
    Column("kind", String(63), nullable=False),
    Column("counted", BigInteger, nullable=False),
    Column("newest", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    PrimaryKeyConstraint("stream", "table_name", "kind"),
)

# The version of each of these tables that was looked at last.
raised_looks = Table(
    "raised_looks",
    metadata,
    Column("stream", String(63), ForeignKey("streams.name"), nullable=False),
    Column("table_name", String(16), nullable=False),
    Column("version", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream", "table_name"),
)

# Up to which count each notifier was told of it.
raised_told = Table(
    "raised_told",
    metadata,
    Column("stream", String(63), ForeignKey("streams.name"), nullable=False),
    Column("table_name", String(16), nullable=False),
    Column("kind", String(63), nullable=False),
    Column("notifier", String(63), nullable=False),
    Column("counted", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream", "notifier", "table_name", "kind"),
)
