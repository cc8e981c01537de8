"""The one place where a spark-submit command is built, by the Spark provider's own hook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.sdk import Connection


@dataclass(frozen=True)
class Application:
    """What is submitted: a Python file with its arguments, and what Spark gives it."""

    file: Path
    name: str
    master: str
    driver_memory: str
    arguments: Sequence[str] = ()
    conf: Mapping[str, str] = field(default_factory=dict)
    jars: Sequence[Path] = ()
    py_files: Sequence[Path] = ()


class MasterHook(SparkSubmitHook):
    """The provider's hook, given a master in place of a connection's id: a local master needs no stored one.

    What it runs gets this environment and nothing of the task's own, in which Airflow's secrets are.
    """

    def __init__(self, *, environment: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._environment = environment

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        return Connection(conn_id="spark_master", conn_type="spark", host=conn_id)

    def submit(self, application: str = "", **kwargs: Any) -> str | None:
        """Runs it and waits; AirflowException with its last lines when it fails."""
        return super().submit(application, env=self._environment, **kwargs)


def hook_of(application: Application, spark_submit: Path, environment: Mapping[str, str] | None = None) -> MasterHook:
    """The hook that builds the command of an application, and can run it."""
    return MasterHook(
        conn_id=application.master,
        spark_binary=str(spark_submit),
        name=application.name,
        conf=dict(application.conf),
        jars=",".join(map(str, application.jars)) or None,
        py_files=",".join(map(str, application.py_files)) or None,
        driver_memory=application.driver_memory,
        application_args=list(application.arguments),
        environment=environment,
    )


def submit_command(application: Application, spark_submit: Path) -> list[str]:
    """The argument list; the hook only builds it: what runs it must outlive the task that asks."""
    return hook_of(application, spark_submit)._build_spark_submit_command(str(application.file))
