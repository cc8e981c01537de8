"""Which exceptions, error conditions and sayings mean which class of failure: tables alone."""

from __future__ import annotations

import re
from typing import Final

from tideline.keeper.failures import FailureClass

_KAFKA: Final = "org.apache.kafka.common.errors."
_PLANS: Final = "org.apache.spark.sql.catalyst."
_SPILL: Final = r"org\.apache\.spark\.memory\.SparkOutOfMemoryError"

_NAMES: Final[dict[FailureClass, tuple[str, ...]]] = {
    FailureClass.SUPERSEDED: ("tideline.tables.delta.Superseded",),
    FailureClass.CONFIGURATION: (
        "tideline.errors.UserError",
        "tideline.spec.problems.SpecError",
        "tideline.begin.SpecChanged",
        "tideline.tables.published.ColumnChanged",
        "tideline.isolation.IsolationDiffers",
        "tideline_spark.plan.NoWatermark",
        "tideline_spark.rule_settings.OtherRule",
        "pyspark.errors.exceptions.captured.IllegalArgumentException",  # where a query is made
        "java.lang.ClassNotFoundException",
        "java.lang.NoClassDefFoundError",
        "org.apache.spark.SparkClassNotFoundException",
        "org.apache.kafka.common.config.ConfigException",
        "org.apache.kafka.common.errors.InvalidTopicException",
    ),
    FailureClass.STATE: (
        "tideline.ledger.TopicChanged",
        "tideline.kafka_io.OffsetsGone",
        "tideline.checkpoint.UnreadableCheckpoint",
        "tideline_spark.exits.StateLost",
        "org.apache.kafka.clients.consumer.OffsetOutOfRangeException",
        "org.apache.spark.sql.kafka010.KafkaIllegalStateException",
        _KAFKA + "OffsetOutOfRangeException",
    ),
    FailureClass.AUTH: (
        *(_KAFKA + kind for kind in ("AuthenticationException", "AuthorizationException")),
        *(_KAFKA + f"{kind}AuthenticationException" for kind in ("Sasl", "Ssl")),
        *(_KAFKA + f"{kind}AuthorizationException" for kind in ("Topic", "Group", "Cluster", "TransactionalId")),
        *(f"kafka.errors.{kind}AuthorizationFailedError" for kind in ("Topic", "Group", "Cluster")),
        "kafka.errors.SaslAuthenticationFailedError",
        "tideline.kafka_client.AccessDenied",
        "java.nio.file.AccessDeniedException",
        "org.apache.hadoop.security.AccessControlException",
        "PermissionError",
    ),
    FailureClass.CODE: (
        "NameError",
        "UnboundLocalError",
        "ImportError",
        "ModuleNotFoundError",
        "SyntaxError",
        "IndentationError",
        "NotImplementedError",
        "_pickle.PicklingError",
        "_duckdb.BinderException",
        "_duckdb.CatalogException",
        "_duckdb.ParserException",
        "pyspark.errors.exceptions.base.PySparkAttributeError",
        "pyspark.errors.exceptions.base.PySparkPicklingError",
        "pyspark.errors.exceptions.captured.AnalysisException",
        "pyspark.errors.exceptions.captured.ParseException",
        "org.apache.spark.sql.AnalysisException",
        _PLANS + "ExtendedAnalysisException",
        _PLANS + "parser.ParseException",
        "java.lang.NoSuchMethodError",
    ),
    FailureClass.OUT_OF_MEMORY: (
        "MemoryError",
        "_duckdb.OutOfMemoryException",
        "java.lang.OutOfMemoryError",
        "org.apache.spark.memory.SparkOutOfMemoryError",
    ),
    FailureClass.INFRASTRUCTURE: (
        "tideline.kafka_client.BrokerUnreachable",
        "tideline.kafka_io.ReadStalled",
        *(_KAFKA + f"{kind}Exception" for kind in ("Timeout", "Disconnect", "Network", "BrokerNotAvailable")),
        *(f"kafka.errors.{kind}" for kind in ("KafkaTimeoutError", "KafkaConnectionError", "RequestTimedOutError")),
        "java.util.concurrent.TimeoutException",
        *(f"java.net.{kind}Exception" for kind in ("Connect", "NoRouteToHost", "SocketTimeout", "UnknownHost")),
        "ConnectionRefusedError",
        "ConnectionResetError",
        "BrokenPipeError",
        "TimeoutError",
        "socket.gaierror",
    ),
    FailureClass.TRANSIENT: (
        # An older driver wrote to the checkpoint: the next submit ends it. Two that go on doing so use up the budget.
        "org.apache.spark.SparkConcurrentModificationException",
        "tideline.kafka_io.TopicMissing",
        _KAFKA + "UnknownTopicOrPartitionException",
        "kafka.errors.UnknownTopicOrPartitionError",
    ),
}
BY_NAME: Final[dict[str, FailureClass]] = {name: kind for kind, names in _NAMES.items() for name in names}

# The condition itself, or what its name begins with.
CONDITIONS: Final[tuple[tuple[str, FailureClass], ...]] = (
    ("STATE_STORE_INVALID_PROVIDER", FailureClass.CONFIGURATION),
    ("STATE_STORE_", FailureClass.STATE),
    ("CANNOT_LOAD_STATE_STORE", FailureClass.STATE),
    ("CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED", FailureClass.STATE),
    ("STREAMING_CHECKPOINT_MISSING_METADATA_FILE", FailureClass.STATE),
    ("STREAMING_STATEFUL_OPERATOR_", FailureClass.STATE),
    ("BATCH_METADATA_NOT_FOUND", FailureClass.STATE),
    ("MALFORMED_LOG_FILE", FailureClass.STATE),
    ("INVALID_LOG_VERSION", FailureClass.STATE),
    ("KAFKA_DATA_LOSS", FailureClass.STATE),
    ("CONCURRENT_STREAM_LOG_UPDATE", FailureClass.TRANSIENT),
    ("CONCURRENT_QUERY", FailureClass.CODE),
    ("UNSUPPORTED_CALL", FailureClass.CODE),
    ("CONTEXT_ONLY_VALID_ON_DRIVER", FailureClass.CODE),
    ("DATA_SOURCE_NOT_FOUND", FailureClass.CONFIGURATION),
    ("INVALID_CONF_VALUE", FailureClass.CONFIGURATION),
    ("INVALID_DRIVER_MEMORY", FailureClass.CONFIGURATION),
    ("UNABLE_TO_ACQUIRE_MEMORY", FailureClass.OUT_OF_MEMORY),
)

# Names that are used for many things: what they say there, from its beginning.
SAYINGS: Final[tuple[tuple[str, str, FailureClass], ...]] = (
    (r"OSError", r"\[Errno (5|24|28|122)\]", FailureClass.INFRASTRUCTURE),  # I/O, open files, space, quota
    (r"OSError", r".*lacked (the necessary privileges|valid authentication)", FailureClass.AUTH),
    (
        r"java\.io\.\w+",
        r".*(No space left on device|Disk quota exceeded|Too many open files)",
        FailureClass.INFRASTRUCTURE,
    ),
    (r"java\.io\.\w+", r".*Permission denied", FailureClass.AUTH),
    # A name server may be down for a while.
    (r".*\.ConfigException", r"No resolvable bootstrap urls", FailureClass.TRANSIENT),
    (_SPILL, r".*No space left on device", FailureClass.INFRASTRUCTURE),
    (r"java\.lang\.IllegalArgumentException", r"Expected e\.g\. |Kafka option ", FailureClass.CONFIGURATION),
    (r"java\.lang\.IllegalStateException", r"Failed to read log file ", FailureClass.STATE),
    (r"java\.lang\.IllegalArgumentException", r"requirement failed: Previous batch \d+ not found", FailureClass.STATE),
    (r"py4j\.protocol\.Py4JJavaError", r".* calling \w+\.start\.", FailureClass.STATE),  # a start reads the checkpoint
    (r"java\.lang\.IllegalStateException", r"Cannot start query with id ", FailureClass.CODE),
    (r"AttributeError", r"(?!'NoneType')", FailureClass.CODE),  # of None: a record without a value
)


# What fails there is no record's doing, however often it fails.
OUTSIDE: Final = re.compile(
    r"OSError|File\w+Error|IOError|ConnectionError|(?:kafka|deltalake|requests|urllib3|botocore|psycopg|sqlalchemy)\..*"
    r"|java\.(?:io|net|nio)\..*|org\.apache\.(?:kafka|hadoop)\..*"
)
# But a worker that ends may be one's, though all that is seen of it is the end of its file.
WORKER_CRASHED: Final = "Python worker exited unexpectedly"
