"""Settings of Spark that a spec may not give: Tideline sets them over it, has a key for them, or never follows them."""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

OF_EVERY_DRIVER: Final = frozenset(
    {
        "spark.app.name",
        "spark.driver.bindAddress",
        "spark.driver.host",
        "spark.driver.memory",
        "spark.jars",
        "spark.local.dir",  # the environment's folder stands above it
        "spark.master",
        "spark.sql.redaction.options.regex",
        "spark.sql.session.timeZone",
        "spark.sql.shuffle.partitions",
        "spark.sql.streaming.minBatchesToRetain",
        "spark.ui.enabled",
        "spark.ui.killEnabled",
        "spark.ui.port",
        "spark.ui.showConsoleProgress",
    }
)
OF_METRICS: Final = frozenset(
    {
        "spark.sql.execution.arrow.maxRecordsPerBatch",
        "spark.sql.execution.useObjectHashAggregateExec",
        "spark.sql.streaming.checkpointLocation",
        "spark.sql.streaming.statefulOperator.allowMultiple",
        "spark.sql.streaming.stopTimeout",
    }
)
"""What the one query of a stream of metrics stands on; a job may give them."""

_OF_SUBMIT: Final = "spark.submit."
_PACKAGES: Final = "spark.jars."
_KEYS: Final = {
    "spark.driver.memory": "memory",
    "spark.jars": "jars",
    "spark.master": "cores",
    "spark.sql.shuffle.partitions": "shuffle_partitions",
    "spark.submit.pyFiles": "py_files",
}
"""The keys of a spec's `spark` that say what these would."""


def is_refused(name: str, of_metrics: bool) -> bool:
    """Whether a spec may not give this setting; `of_metrics`: one of a stream of metrics."""
    ours = OF_EVERY_DRIVER | OF_METRICS if of_metrics else OF_EVERY_DRIVER
    return name in ours or name.startswith((_OF_SUBMIT, _PACKAGES))


def _allowed(name: str, of_metrics: bool = False) -> str:
    if not is_refused(name, of_metrics):
        return name
    if name.startswith(_PACKAGES):
        raise ValueError(f"{name} fetches packages, and a driver's start fetches nothing: put files under `jars:`")
    key = _KEYS.get(name)
    raise ValueError(f"{name} is set by Tideline: " + (f"write `{key}:` under spark" if key else "leave it out"))


def _allowed_beside_metrics(name: str) -> str:
    return _allowed(name, of_metrics=True)


def _as_spark_writes(value: object) -> object:
    """YAML's true, false and numbers as the texts that Spark reads."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) or (isinstance(value, float) and isfinite(value)) else value


SETTING: Final = r"^spark\.[A-Za-z0-9_.-]+$"
Setting = Annotated[str, Field(pattern=SETTING), AfterValidator(_allowed)]
MetricsSetting = Annotated[str, Field(pattern=SETTING), AfterValidator(_allowed_beside_metrics)]
SettingValue = Annotated[str, BeforeValidator(_as_spark_writes)]
