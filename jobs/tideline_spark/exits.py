"""How a driver ends, and the exit code that says why."""

from __future__ import annotations

from enum import IntEnum

from pyspark.errors import StreamingQueryException

from tideline.begin import SpecChanged
from tideline.isolation import IsolationDiffers
from tideline.kafka_io import OffsetsGone
from tideline.ledger import TopicChanged
from tideline.spec.load import SpecError
from tideline.tables.delta import Superseded
from tideline.tables.published import ColumnChanged
from tideline_spark.plan import NoWatermark

# Spark's error conditions, and Kafka's words, for offsets or state that are not what they were.
_STATE_GONE = (
    "KAFKA_DATA_LOSS",
    "OffsetOutOfRangeException",
    "Some data may have been lost",
    "CANNOT_LOAD_STATE_STORE",
    "STATE_STORE_",
    "CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED",
)
# What a batch is refused for, as Spark tells it.
_REFUSALS = ("tideline_spark.plan.NoWatermark", "tideline_spark.rule_settings.OtherRule")


class Exit(IntEnum):
    """Why a driver ended."""

    STOPPED = 0
    SUPERSEDED = 64
    CONFIGURATION = 65
    STATE = 66
    FAILED = 70


class StateLost(Exception):
    """The checkpoint does not hold what the ledger says was committed."""


def exit_code(error: Exception) -> Exit:
    """Classifies what ended the driver; a failed query is looked through to its cause."""
    text = str(error)
    if isinstance(error, Superseded) or "tideline.tables.delta.Superseded" in text:
        return Exit.SUPERSEDED
    if isinstance(error, SpecError | SpecChanged | ColumnChanged | NoWatermark | IsolationDiffers) or any(
        refusal in text for refusal in _REFUSALS
    ):
        return Exit.CONFIGURATION
    is_gone = isinstance(error, StreamingQueryException) and any(words in _said(text) for words in _STATE_GONE)
    is_another = isinstance(error, TopicChanged) or "tideline.ledger.TopicChanged" in text
    if is_gone or is_another or isinstance(error, StateLost | OffsetsGone):
        return Exit.STATE
    return Exit.FAILED


def _said(text: str) -> str:
    """A message without its stack traces: those of a stateful plan name the state store whatever the failure was."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("at "))
