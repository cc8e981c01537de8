"""Who is told of streams' troubles: the keys of `include/notify.yaml`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from tideline.keeper.verdict import Severity
from tideline.spec.parts import Model, Name

IMPORT_PATH: Final = r"^\w+(\.\w+)+$"
ImportPath = Annotated[str, Field(pattern=IMPORT_PATH)]


class ToldOf(Model):
    """What a notifier is told of: troubles from this severity on, of these streams or of all."""

    severity: Severity = Severity.WARN
    streams: tuple[Name, ...] | None = None


class ToLog(ToldOf):
    """The log of the task that tells."""

    type: Literal["log"]


class ToWebhook(ToldOf):
    """An HTTP POST of JSON to the address of an Airflow connection, and `path` below it."""

    type: Literal["webhook"]
    conn_id: str
    path: str = ""


class ToAirflow(ToldOf):
    """Any notifier of Airflow's providers, by its import path; its `arguments` may be templates."""

    type: Literal["airflow"]
    notifier: ImportPath
    arguments: dict[str, Any] = Field(default={})


AnyNotifier = ToLog | ToWebhook | ToAirflow


class Notify(Model):
    """The file: notifiers by a name of one's own, under which it is kept what each was told."""

    notifiers: dict[Name, Annotated[AnyNotifier, Field(discriminator="type")]]
