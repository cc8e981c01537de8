"""Corrections that the gate held back: Airflow asks a person, and publishes them in the name of whoever approves."""

from __future__ import annotations

import json

import httpx

from support.held import PAGE, first_count, hold_one_event
from support.platform import Platform
from support.questions import Question
from tideline.airflow_api import USER, AirflowApi
from tideline.airflow_runs import trigger_once_parsed
from tideline.gate.suites import DOCS
from tideline.platform.keys import password_file
from tideline.tables.holds import read_holds

RUN = "hold-small-1"


def test_a_hold_is_asked_about_and_published_once_it_is_approved(whole: Platform) -> None:
    tables, api = hold_one_event(whole.home), AirflowApi(whole.settings, whole.home)
    reconciled = trigger_once_parsed(api, "reconcile_late_data", {"stream": "small"}, print)
    api.wait("reconcile_late_data", reconciled, 180)
    question = Question(api, "release_corrections", RUN, "approve")
    asked = question.asked()
    assert asked["subject"] == "Publish hold 1 of small?"
    assert "counts: too" in asked["body"]
    assert f"{whole.settings.api_url}/tideline/data-docs/small/{PAGE}" in asked["body"]

    assert question.answer("Approve") == "success"
    (hold,) = read_holds(tables)
    assert hold.release is not None
    assert (hold.release.by, hold.release.run) == ("admin", RUN)
    assert first_count(tables) == 2


def test_data_docs_are_shown_to_who_is_signed_in(whole: Platform) -> None:
    page = whole.home.stream("small").validations / DOCS / PAGE
    page.parent.mkdir(parents=True)
    page.write_text("what was found")
    address = f"{whole.settings.api_url}/tideline/data-docs/small/{PAGE}"
    assert httpx.get(address).status_code == 401
    login = {"username": USER, "password": json.loads(password_file(whole.home).read_text())[USER]}
    token = httpx.post(f"{whole.settings.api_url}/auth/token", json=login).json()["access_token"]
    assert httpx.get(address, headers={"Authorization": f"Bearer {token}"}).text == "what was found"
