"""The notifiers of Airflow's side: a real HTTP server hears the webhook, and Airflow's own notifiers are rendered."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from airflow.sdk import BaseNotifier

from support.keeper_world import STREAM
from support.raising import Shop
from tideline.errors import UserError
from tideline.keeper.lifecycle import State
from tideline.keeper.verdict import Severity
from tideline.notify.load import parse_notify
from tideline.notify.notice import Happened, Notice, Trouble
from tideline.notify.tell import Channel
from tideline_airflow.notifiers import AirflowNotifier, LogNotifier, WebhookNotifier, channels

NO_CONTEXT: Any = {}
FAILED = Happened(
    7, "orders", State.UNHEALTHY, State.FAILED, "DriverLost", Severity.WARN, "a spec is wrong", "ann", 3, 1, "run-1", 0
)
PAGE = Notice(FAILED, Trouble("FAILED", Severity.PAGE))
rendered: list[tuple[str, str]] = []


class Pager(BaseNotifier):
    """A notifier as providers have them: its arguments are templates."""

    template_fields = ("message",)

    def __init__(self, message: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.message = message

    def notify(self, context: Any) -> None:
        rendered.append((self.message, context["notice"]["stream"]))


@dataclass
class Hook:
    """What a server was posted, and what it answers."""

    url: str = ""
    status: int = 204
    heard: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.heard.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_is_posted_the_notice_as_json(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "http", "host": hook.url, "extra": {"headers": {"X-Key": "k"}}, "login": "a"}
    monkeypatch.setenv("AIRFLOW_CONN_OPS_CHAT", json.dumps(connection))
    WebhookNotifier.of("ops_chat", "/hooks/7").send(PAGE)
    ((path, headers, body),) = hook.heard
    assert (path, headers["X-Key"], headers["Authorization"][:6]) == ("/hooks/7", "k", "Basic ")
    assert body == PAGE.as_dict()
    assert body["text"] == "[page] orders is FAILED: a spec is wrong"


def test_late_alerts_and_anomalies_reach_a_webhook_once(hook: Hook, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.judge("hot_users", '["ann"]')
    shop.alert("bob")
    hook.status = 503
    with pytest.raises(ExceptionGroup):
        shop.tell(Channel("ops", WebhookNotifier(hook.url)))
    hook.status, hook.heard = 204, []
    for _ in range(2):
        shop.tell(Channel("ops", WebhookNotifier(hook.url)))
    bodies = [body for _, _, body in hook.heard]
    told = {(each["stream"], each["reason"], each["severity"], each["over"]) for each in bodies}
    assert told == {(STREAM, "Anomaly hot_users", "warn", False), (STREAM, "LateAlert user_id", "warn", False)}
    assert len(bodies) == 2
    assert all(body.keys() == PAGE.as_dict().keys() for body in bodies)


def test_any_answer_but_a_good_one_is_a_failure(hook: Hook) -> None:
    hook.status = 500
    with pytest.raises(httpx.HTTPStatusError):
        WebhookNotifier(hook.url).send(PAGE)


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        ("https://hooks.example.org/services/x", "https://hooks.example.org/services/x"),
        ("http://hooks.example.org:8080", "http://hooks.example.org:8080"),
        ('{"conn_type": "http", "host": "hooks.example.org", "schema": "https"}', "https://hooks.example.org"),
        ('{"conn_type": "http", "host": "https://hooks.example.org/x"}', "https://hooks.example.org/x"),
        ('{"conn_type": "generic", "host": "hooks.example.org"}', "https://hooks.example.org"),
    ],
)
def test_a_connection_is_an_address(connection: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OPS_CHAT", connection)
    assert WebhookNotifier.of("ops_chat").url == url


def test_a_connection_without_an_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OPS_CHAT", '{"conn_type": "http"}')
    with pytest.raises(UserError, match="'ops_chat' has no host"):
        WebhookNotifier.of("ops_chat")


def test_a_notifier_of_airflow_is_rendered_anew_for_each_notice() -> None:
    rendered.clear()
    notifier = AirflowNotifier(f"{__name__}.Pager", {"message": "{{ notice.text }} ({{ word }})"}, {"word": "x"})  # type: ignore[typeddict-unknown-key]
    notifier.send(PAGE)
    notifier.send(Notice(FAILED, Trouble("FAILED", Severity.WARN)))
    assert rendered == [(f"[{level}] orders is FAILED: a spec is wrong (x)", "orders") for level in ("page", "warn")]


@pytest.mark.parametrize(
    ("path", "said"),
    [("nowhere.Pager", "there is no notifier"), (f"{__name__}.Hook", "no notifier of Airflow's")],
)
def test_what_is_no_notifier_is_told(path: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        AirflowNotifier(path, {}, NO_CONTEXT).send(PAGE)


def test_the_mail_notifier_of_airflow_can_be_named() -> None:
    text = "notifiers: {mail: {type: airflow, notifier: airflow.providers.smtp.notifications.smtp.SmtpNotifier}}"
    (mail,) = channels(parse_notify(text, "notify.yaml"), NO_CONTEXT)
    with pytest.raises(TypeError, match="'to'"):  # it is found, and wants its arguments
        mail.notifier.send(PAGE)


def test_a_page_is_an_error_in_the_log_and_an_end_is_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    LogNotifier().send(PAGE)
    LogNotifier().send(Notice(FAILED, Trouble("STABLE", Severity.PAGE), ("FAILED",)))
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_a_channel_for_each_notifier_of_the_file() -> None:
    text = "notifiers: {log: {type: log}, ops: {type: webhook, conn_id: gone, severity: page, streams: [a]}}"
    log, ops = channels(parse_notify(text, "notify.yaml"), NO_CONTEXT)
    assert (log.name, log.least, log.is_told_of("b")) == ("log", Severity.WARN, True)
    assert (ops.name, ops.least, ops.is_told_of("b")) == ("ops", Severity.PAGE, False)


def test_notifiers_without_a_time_limit_come_last() -> None:
    text = "notifiers: {mail: {type: airflow, notifier: a.B}, log: {type: log}, ops: {type: webhook, conn_id: gone}}"
    assert [channel.name for channel in channels(parse_notify(text, "notify.yaml"), NO_CONTEXT)] == [
        "log",
        "ops",
        "mail",
    ]
