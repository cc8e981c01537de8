"""The pages about streams: who sees them, and that what came out of logs stays text in them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from tideline.dropped_share import DroppedShare
from tideline.keeper.lifecycle import Desired, State
from tideline.ledger import Books
from tideline.page.acts import buttons
from tideline.page.books import BooksSeen
from tideline.page.evidence import LastVerdict, Line
from tideline.page.fleet import Charts, Fleet, FleetRow
from tideline.page.late import LateWindow
from tideline.page.numbers import Number, Numbers
from tideline.page.spec_history import DiffLine, SpecStep
from tideline.page.stream import StreamView
from tideline.page.timeline import Mark, Stretch, Timeline
from tideline.page.tones import Tone
from tideline.registry.rows import TransitionRow
from tideline.rejects import Reject
from tideline.rejects_report import RejectsReport
from tideline_airflow.page_answers import static_file, unless_known
from tideline_airflow.page_headers import DOCS, PAGE, PLAIN
from tideline_airflow.page_looks import place_of
from tideline_airflow.page_templates import Place, render
from tideline_airflow.web import new_app

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[31m\x00\u202e"
NOW = 1_700_000_000_000
PLACE = Place("/air/tideline", NOW)
ROW = FleetRow(
    name=HOSTILE,
    desired=HOSTILE,
    state=HOSTILE,
    tone=Tone.BAD,
    reason=HOSTILE,
    since=NOW,
    epoch=1,
    generation=1,
    backlog=5,
    watermark=NOW,
    rate=1.5,
    batch=3,
    batch_at=NOW,
    batch_ms=900,
    restarts=0,
    books=BooksSeen(NOW, problem=HOSTILE, alarms=(HOSTILE,)),
    charts=Charts(("2,2 4,4",), ()),
    has_ui=True,
    troubles=(HOSTILE,),
)
STEP = TransitionRow(1, HOSTILE, State.STABLE, State.FAILED, HOSTILE, {}, HOSTILE, 1, 1, HOSTILE, NOW)
VIEW = StreamView(
    ROW,
    HOSTILE,
    HOSTILE,
    LastVerdict(NOW, HOSTILE, HOSTILE, (HOSTILE,), (Line(HOSTILE, HOSTILE, HOSTILE),)),
    Timeline((Stretch(State.STABLE, Tone.WELL, NOW, NOW, 0, 2),), (Mark(NOW, HOSTILE, 0),)),
    (STEP,),
    buttons(Desired.RUNNING, frozenset()),
    True,
)
SPEC = type("Spec", (), {"metrics": {HOSTILE: None}, "detectors": {}})()
HISTORY = (SpecStep(2, HOSTILE, NOW, None, HOSTILE, (DiffLine("added", HOSTILE),)),)


AT = datetime(2026, 1, 31, tzinfo=UTC)
ANOMALY = ("kind", "key", "observed", "expected", "score", "raised_at", "withdrawn_at")
REJECT = Reject(1, HOSTILE, 0, 1, AT, HOSTILE, HOSTILE.encode())
REPORT = RejectsReport(1, {HOSTILE: 1}, [REJECT], DroppedShare(1, 1, 0), None)
NUMBERS = Numbers(HOSTILE, (HOSTILE,), (Number(HOSTILE, HOSTILE, (HOSTILE,), True),))
LATE = LateWindow(HOSTILE, AT, AT, 1, 1, 1, 0, 0, 5)
EXPLAINED: dict[str, Any] = {
    "head": [HOSTILE],
    "columns": [HOSTILE],
    "cells": [[HOSTILE]],
    "left_out": 1,
    "verdict": [HOSTILE],
    "differs": True,
}


def routes() -> list[str]:
    """Every address of the app, with names in the place of its parameters."""
    values = {"stream": "small", "part": "books", "name:path": "page.js", "page:path": "index.html", "alert": "some"}
    found = [route.path for route in new_app(Path()).routes if isinstance(route, APIRoute)]
    return [re.sub(r"{([^}]*)}", lambda match: values[match[1]], path) for path in found]


def pages() -> dict[str, str]:
    """Every template, filled with what a log's worst line holds."""
    asked = {"metric": HOSTILE, "window": HOSTILE, "key": HOSTILE}
    stream: dict[str, Any] = {"title": HOSTILE, "view": VIEW, "spec": SPEC, "spec_text": HOSTILE, "data_docs": True}
    explain: dict[str, Any] = {"title": HOSTILE, "stream": HOSTILE, "spec": SPEC, "asked": asked}
    parts: dict[str, dict[str, Any]] = {
        "books": {"totals": Books(1, 0, 0, 0, 0), "batches": [], "alarms": [HOSTILE], "gaps": []},
        "anomalies": {"count": 1, "rows": [dict.fromkeys(ANOMALY, HOSTILE) | {"window_start": AT}]},
        "rejects": {"report": REPORT},
        "numbers": {"numbers": NUMBERS},
        "late": {"windows": [LATE]},
    }
    found = {"fleet": render("fleet.html", PLACE, title=HOSTILE, fleet=Fleet((ROW,)), etag="x")}
    found["stream"] = render("stream.html", PLACE, etag="x", history=HISTORY, **stream)
    found["why"] = render("explain.html", PLACE, **explain, problem="", **EXPLAINED)
    found["problem"] = render("explain.html", PLACE, **explain, problem=HOSTILE)
    for part, values in parts.items():
        found[part] = render(f"part_{part}.html", PLACE, tag="x", stream=HOSTILE, spec=SPEC, **values)
    return found


@pytest.mark.parametrize("path", routes())
def test_who_is_not_signed_in_sees_nothing(tmp_path: Path, path: str) -> None:
    assert TestClient(new_app(tmp_path)).get(path, follow_redirects=False).status_code == 401


def test_there_is_a_page_for_all_for_one_and_for_what_it_has() -> None:
    assert set(routes()) == {
        "/data-docs/small/index.html",
        "/parts",
        "/parts/small",
        "/parts/small/books",
        "/parts/small/samples",
        "/runbooks",
        "/runbooks/some",
        "/static/page.js",
        "/streams",
        "/streams/small",
        "/streams/small/checkpoint",
        "/streams/small/driver-log",
        "/streams/small/explain",
        "/streams/small/spark-ui",
    }


@pytest.mark.parametrize("page", list(pages()))
def test_hostile_words_are_shown_as_words(page: str) -> None:
    html = pages()[page]
    assert "<script>" not in html
    assert "<img" not in html
    assert not set("\x1b\x00\u202e") & set(html)
    assert "&lt;script&gt;" in html
    assert "\\x1b[31m\\x00\\u202e" in html


@pytest.mark.parametrize("page", list(pages()))
def test_nothing_stands_in_a_page_that_the_policy_forbids(page: str) -> None:
    found = attributes(pages()[page])
    assert {tag for tag, _ in found} & {"style", "iframe", "object", "embed"} == set()
    assert [names for tag, names in found if tag == "script" and "src" not in names] == []
    assert [name for _, names in found for name in names if name == "style" or name.startswith("on")] == []


@pytest.mark.parametrize("page", list(pages()))
def test_every_address_is_ours_and_under_the_sub_path(page: str) -> None:
    which = ("href", "src", "action", "data-fresh", "data-samples")
    addresses = [names[name] for _, names in attributes(pages()[page]) for name in which if name in names]
    assert [address for address in addresses if not address.startswith("/air/")] == []


def attributes(html: str) -> list[tuple[str, dict[str, str]]]:
    """Each tag of a page with its attributes, as a browser reads them."""
    found: list[tuple[str, dict[str, str]]] = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attrs: found.append((tag, {n: v or "" for n, v in attrs}))  # type: ignore[method-assign]
    reader.feed(html)
    return found


@pytest.mark.parametrize("headers", [PAGE, PLAIN, DOCS], ids=["page", "plain", "docs"])
def test_no_page_runs_what_stands_in_it_or_lies_elsewhere(headers: dict[str, str]) -> None:
    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert set(policy.pop("sandbox", "").split()) <= {"allow-same-origin"}, "it allows, and is no list of sources"
    assert policy.get("script-src", "'self'") == "'self'"
    assert {source for rule in policy.values() for source in rule.split()} <= {"'none'", "'self'", "'unsafe-inline'"}


def test_a_name_is_one_step_of_a_path() -> None:
    html = pages()["fleet"]
    assert 'href="/air/tideline/streams/%3Cscript%3E' in html


def test_who_may_trigger_nothing_is_told() -> None:
    assert "You may look, and trigger none of these" in pages()["stream"]
    assert len(re.findall(r"<button[^>]* disabled", pages()["stream"])) == len(VIEW.buttons)


@pytest.mark.parametrize(
    ("diff", "said"), [(None, "There is none before it to compare with"), ((), "It says the same as the one before")]
)
def test_a_spec_without_a_difference_says_why(diff: tuple[DiffLine, ...] | None, said: str) -> None:
    history = (SpecStep(2, "ann", NOW, None, None, diff),)
    values: dict[str, Any] = {"title": "s", "view": VIEW, "spec": SPEC, "spec_text": "", "data_docs": False}
    assert said in render("stream.html", PLACE, etag="x", history=history, **values)


def test_evidence_of_days_ago_is_told_as_such() -> None:
    later = Place(PLACE.app, NOW + 3 * 86_400_000)
    section = render("stream_head.html", later, view=VIEW).partition('data-key="verdict"')[2]
    assert "<h2>Evidence of the last change</h2>" in section
    assert re.search(rf'data-age="{NOW}">3 d</time> ago</p>', section)


def test_a_page_under_a_sub_path_knows_where_it_is() -> None:
    page, airflow = FastAPI(), FastAPI(root_path="/air")

    @page.get("/streams")
    def asked(request: Request) -> list[str]:
        place = place_of(request)
        return [place.airflow, place.streams, place.static]

    airflow.mount("/tideline", page)
    found = TestClient(airflow).get("/air/tideline/streams").json()
    assert found == ["/air", "/air/tideline/streams", "/air/tideline/static"]


def test_a_page_that_the_browser_has_is_not_sent_again() -> None:
    app = FastAPI()

    @app.get("/")
    def asked(request: Request) -> Response:
        return unless_known(request, "x", lambda: "body")

    client = TestClient(app)
    first = client.get("/")
    assert (first.text, first.headers["ETag"]) == ("body", '"x"')
    assert [client.get("/", headers={"If-None-Match": tag}).status_code for tag in ('"x"', 'W/"x"', '"y"')] == [
        304,
        304,
        200,
    ]


@pytest.mark.parametrize("name", ["page.js", "page.css", "uplot/uPlot.iife.min.js", "icon.svg"])
def test_the_files_of_the_pages_are_there(name: str) -> None:
    app = FastAPI()
    app.add_api_route("/{name:path}", static_file)
    answer = TestClient(app).get(f"/{name}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].split(";")[0] in ("text/javascript", "text/css", "image/svg+xml")


@pytest.mark.parametrize("name", ["nosuch.js", "../web.py", "..%2Fweb.py", "uplot/LICENSE"])
def test_no_other_file_is(name: str) -> None:
    app = FastAPI()
    app.add_api_route("/static/{name:path}", static_file)
    assert TestClient(app).get(f"/static/{name}").status_code == 404
