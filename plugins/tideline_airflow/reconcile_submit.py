"""Large reconciliations as Spark batch jobs, submitted by the provider's operator."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

from tideline.home import CHECKOUT, Home
from tideline.logs.context import About, about
from tideline_airflow.driver_launch import SPARK_SUBMIT, driver_conf, spark_environment, spark_jars, write_log_config
from tideline_airflow.installation import Installation
from tideline_airflow.spark_submit import Application, MasterHook, hook_of

if TYPE_CHECKING:
    from airflow.sdk import Context

JOB = CHECKOUT / "jobs" / "run_reconcile.py"


class SparkReconcile(SparkSubmitOperator):
    """Runs `jobs/run_reconcile.py` with the master, memory, jars and settings that the stream's driver has.

    The job is the task's child: killing the task kills it, and nothing is written by halves.

    :param application_args: the job's arguments, in pairs of name and value (templated).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(application=str(JOB), **kwargs)
        self._scratch: Path | None = None

    @property
    def stream(self) -> str:
        """The stream that the arguments name."""
        arguments = self.application_args or []
        return str(arguments[arguments.index("--stream") + 1])

    def execute(self, context: Context) -> None:
        installation = Installation.from_env()
        stream = installation.home.stream(self.stream)
        installation.kafka.save(stream.kafka)
        with TemporaryDirectory(prefix="reconcile-", dir=stream.root) as scratch:
            self._scratch = Path(scratch)
            write_log_config(self._scratch, About(self.stream))
            with about(stream=self.stream):
                super().execute(context)

    def _get_hook(self) -> MasterHook:
        home = Installation.from_env().home
        scratch = self._scratch or home.stream(self.stream).scratch
        application = reconcile_application(home, self.stream, self.application_args or [], scratch)
        return hook_of(application, SPARK_SUBMIT, spark_environment(home, scratch))


def reconcile_application(home: Home, stream: str, arguments: list[str], scratch: Path) -> Application:
    """What is submitted; `scratch` is a folder of the job's own, since the stream's driver is at work in another."""
    from tideline.stream_books import deployed_spec

    spec = deployed_spec(home, stream)
    return Application(
        file=JOB,
        name=f"tideline-reconcile-{stream}",
        master=f"local[{spec.spark.cores}]",
        driver_memory=spec.spark.memory,
        arguments=arguments,
        conf=driver_conf(spec, home, scratch) | {"spark.ui.enabled": "false"},
        jars=spark_jars(home),
    )
