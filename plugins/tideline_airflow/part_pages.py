"""The parts of a stream's page that open its tables: looked up by themselves, when somebody looks at the page."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from tideline.errors import UserError
from tideline.explain_view import cells_of, columns_of, conclusion_of, head_of
from tideline.home import Home
from tideline.keeper.deployed import readable
from tideline.page.asked import window_start_us
from tideline.page.late import late_windows
from tideline.page.numbers import newest_numbers
from tideline.rejects_report import report_rejects
from tideline.spec.model import StreamSpec
from tideline.stream_explain import explain_group
from tideline.stream_ledger import open_ledger
from tideline.subjects import find_subject
from tideline.tables.anomalies import read_anomalies
from tideline.tables.books import read_eras
from tideline.tables.schemas import StreamTables
from tideline_airflow.installation import Installation
from tideline_airflow.links import PARTS, STREAMS
from tideline_airflow.page_answers import unless_known
from tideline_airflow.page_headers import PAGE
from tideline_airflow.page_looks import place_of, stream_row
from tideline_airflow.page_templates import render, tag_of
from tideline_airflow.stream_pages import SEES

BATCHES, WINDOWS, ANOMALIES, REJECTS, NUMBERS = 20, 30, 30, 10, 12


class Part(StrEnum):
    """A part of a stream's page."""

    BOOKS = "books"
    LATE = "late"
    ANOMALIES = "anomalies"
    REJECTS = "rejects"
    NUMBERS = "numbers"


def new_part_router() -> APIRouter:
    """The parts, and the answer to why a number is what it is."""
    router = APIRouter(dependencies=SEES)

    @router.get(PARTS + "/{stream}/{part}")
    def part_of_page(request: Request, stream: str, part: Part, metric: str = "") -> Response:
        """A part's HTML, if it is other than the browser has."""
        spec, place = spec_of(stream), place_of(request)
        try:
            values = look_at(part, Installation.from_env().home, spec, metric)
        except UserError as error:
            told = {"part": part, "problem": f"{error.message}: {error.fix}"}
            return unless_known(request, tag_of(told), lambda: render("part_problem.html", place, **told))
        shown = {"stream": stream, "spec": spec, "tag": tag_of(values), **values}
        return unless_known(request, shown["tag"], lambda: render(f"part_{part}.html", place, **shown))

    @router.get(STREAMS + "/{stream}/explain")
    def explain(request: Request, stream: str, metric: str = "", window: str = "", key: str = "") -> HTMLResponse:
        """Why a number is what it is: `window` is its start, `key` values with commas between, or a JSON array."""
        spec, asked = spec_of(stream), {"metric": metric, "window": window, "key": key}
        values: dict[str, Any] = {"title": f"Why: {stream}", "stream": stream, "spec": spec, "asked": asked}
        try:
            found = explained(Installation.from_env().home, spec, metric, window, key)
        except UserError as error:
            page = render("explain.html", place_of(request), **values, problem=f"{error.message}: {error.fix}")
            return HTMLResponse(page, 400, headers=PAGE)
        return HTMLResponse(render("explain.html", place_of(request), **values, problem="", **found), headers=PAGE)

    return router


def spec_of(stream: str) -> StreamSpec:
    """404 for a stream that was never deployed, or is a job: that has no tables; 409 where the spec cannot be read."""
    spec, unreadable = readable(stream_row(stream).spec)
    if spec is None:
        raise HTTPException(409, f"the spec of stream '{stream}' cannot be read by this version: {unreadable}")
    if not isinstance(spec, StreamSpec):
        raise HTTPException(404, f"stream '{stream}' is a job: it has no tables")
    return spec


def look_at(part: Part, home: Home, spec: StreamSpec, metric: str = "") -> dict[str, Any]:
    """What the part's template shows; `metric` chooses among the numbers."""
    return _LOOKS[part](home, spec, metric)


def explained(home: Home, spec: StreamSpec, metric: str, window: str, key: str) -> dict[str, Any]:
    """The explanation in words and cells; UserError for what cannot be asked."""
    tables = StreamTables(home.tables(spec.name))
    eras = read_eras(tables, spec)
    found = explain_group(tables, eras, find_subject(tables, eras, metric, window_start_us(window), key))
    return {
        "head": head_of(spec.name, found),
        "columns": columns_of(found),
        "cells": [cells_of(step, found.columns) for step in found.steps],
        "left_out": found.left_out,
        "verdict": list(conclusion_of(spec.name, found)),
        "differs": bool(found.differs),
    }


def _books(home: Home, spec: StreamSpec, metric: str) -> dict[str, Any]:
    ledger = open_ledger(home, spec)
    batches = ledger.batches(BATCHES)[::-1]
    return {"totals": ledger.totals, "batches": batches, "alarms": ledger.alarms(), "gaps": ledger.gaps}


def _late(home: Home, spec: StreamSpec, metric: str) -> dict[str, Any]:
    return {"windows": late_windows(StreamTables(home.tables(spec.name)), WINDOWS)}


def _anomalies(home: Home, spec: StreamSpec, metric: str) -> dict[str, Any]:
    rows = read_anomalies(StreamTables(home.tables(spec.name)))
    return {"count": len(rows), "rows": rows.slice(0, ANOMALIES).to_pylist()}


def _rejects(home: Home, spec: StreamSpec, metric: str) -> dict[str, Any]:
    return {"report": report_rejects(home, spec.name, REJECTS)}


def _numbers(home: Home, spec: StreamSpec, metric: str) -> dict[str, Any]:
    name = metric if metric in spec.metrics else next(iter(spec.metrics))
    return {"numbers": newest_numbers(StreamTables(home.tables(spec.name)), name, spec.metrics[name], NUMBERS)}


_LOOKS: Final[dict[Part, Callable[[Home, StreamSpec, str], dict[str, Any]]]] = {
    Part.BOOKS: _books,
    Part.LATE: _late,
    Part.ANOMALIES: _anomalies,
    Part.REJECTS: _rejects,
    Part.NUMBERS: _numbers,
}
