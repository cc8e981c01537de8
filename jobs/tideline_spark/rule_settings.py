"""The settings that would change which events Spark drops: recorded with each batch, for its checkpoint does not."""

from __future__ import annotations

from typing import Final

from pyspark.sql import SparkSession

from tideline.ledger import FILTERS_WITH_L

RULE_SETTINGS: Final = (FILTERS_WITH_L, "spark.sql.streaming.multipleWatermarkPolicy")


class OtherRule(Exception):
    """A setting is such that Spark drops by another watermark than the books expect."""


def rule_settings(session: SparkSession) -> dict[str, str]:
    """As the query's own session has them; OtherRule before anything is written by a rule that is not ours."""
    settings = {name: str(session.conf.get(name)) for name in RULE_SETTINGS}
    if settings[FILTERS_WITH_L] != "true":
        raise OtherRule(
            f"{FILTERS_WITH_L} is {settings[FILTERS_WITH_L]}: a batch would drop by its own watermark, not by that "
            "of the batch before, and so more; set it to true"
        )
    return settings
