"""The notifiers there are: the task's log, a webhook, and any notifier of Airflow's providers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseNotifier, Connection

from tideline.errors import UserError
from tideline.logs.context import about

if TYPE_CHECKING:
    from airflow.sdk import Context

    from tideline.notify.tell import AnyNotice, Channel, Notifier
    from tideline.spec.notifiers import AnyNotifier, Notify

SECONDS: Final = 10.0
"""How long a webhook may take."""
_SCHEMES: Final = ("http", "https")
log = logging.getLogger(__name__)


class LogNotifier:
    """Writes pages as errors and the rest as warnings; an end is information."""

    def send(self, notice: AnyNotice) -> None:
        level = logging.ERROR if notice.severity == "page" else logging.WARNING
        with about(stream=notice.stream):
            log.log(logging.INFO if notice.ended else level, "notice: %s", notice.text)


@dataclass(frozen=True)
class WebhookNotifier:
    """Posts a notice as JSON; any answer but a 2xx is a failure."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    login: tuple[str, str] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, conn_id: str, path: str = "") -> WebhookNotifier:
        """To the address of an Airflow connection: host (with or without a scheme), port, login and password; its
        extra's `headers` are sent along."""
        connection = Connection.get(conn_id)
        headers = connection.extra_dejson.get("headers", {})
        login = (connection.login, connection.password or "") if connection.login else None
        return cls(_address(connection, conn_id) + path, headers, login)

    def send(self, notice: AnyNotice) -> None:
        import httpx

        answer = httpx.post(
            self.url, json=notice.as_dict(), headers=dict(self.headers), auth=self.login, timeout=SECONDS
        )
        answer.raise_for_status()


def _address(connection: Connection, conn_id: str) -> str:
    """A connection has no field for a path: where it was given as a URI, its path stands where the scheme would."""
    host, schema = connection.host or "", connection.schema or ""
    if not host:
        raise UserError(f"the Airflow connection '{conn_id}' has no host", "give it the address to post to")
    scheme = next((name for name in (schema, connection.conn_type) if name in _SCHEMES), "https")
    address = host if "://" in host else f"{scheme}://{host}"
    port = f":{connection.port}" if connection.port else ""
    return f"{address}{port}{'' if schema in ('', *_SCHEMES) else f'/{schema}'}"


@dataclass(frozen=True)
class AirflowNotifier:
    """Tells by a notifier of Airflow's: its templates know `notice` beside all that the task's templates know."""

    import_path: str
    arguments: Mapping[str, Any]
    context: Context

    def send(self, notice: AnyNotice) -> None:
        notifier = _class_at(self.import_path)(**self.arguments)  # anew: rendering its templates changes it
        context: Any = {**self.context, "notice": notice.as_dict()}
        notifier(context)


def _class_at(path: str) -> type[BaseNotifier]:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UserError(f"there is no notifier {path}: {error}", "install its provider, or mend the path") from error
    if not (isinstance(found, type) and issubclass(found, BaseNotifier)):
        raise UserError(f"{path} is no notifier of Airflow's", "name a class that is a BaseNotifier")
    return found


def channels(notify: Notify, context: Context) -> Iterator[Channel]:
    """The notifiers of the file. One that cannot be made fails when it is to tell, not before.

    Those of Airflow's providers come last: they need not have a time limit, and the task's would end them all.
    """
    from tideline.notify.tell import Channel

    for name, spec in sorted(notify.notifiers.items(), key=lambda each: each[1].type == "airflow"):
        streams = None if spec.streams is None else frozenset(spec.streams)
        yield Channel(name, _Made(spec, context), spec.severity, streams)


@dataclass(frozen=True)
class _Made:
    """A notifier that is made when there is something to tell."""

    spec: AnyNotifier
    context: Context

    def send(self, notice: AnyNotice) -> None:
        notifier_of(self.spec, self.context).send(notice)


def notifier_of(spec: AnyNotifier, context: Context) -> Notifier:
    """The notifier that a part of the file describes."""
    match spec.type:
        case "webhook":
            return WebhookNotifier.of(spec.conn_id, spec.path)
        case "airflow":
            return AirflowNotifier(spec.notifier, spec.arguments, context)
    return LogNotifier()
