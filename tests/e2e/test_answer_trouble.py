"""A stream that no restart mends: Airflow asks a person once, and starts it again in the name of whoever says so."""

from __future__ import annotations

import pytest

from support.platform import Platform
from support.questions import Question
from support.records import small_spec
from tideline.airflow_api import AirflowApi
from tideline.keeper.lifecycle import Desired, State
from tideline.registry.requests import Request
from tideline.registry.store import Registry

STREAM = "broken"
pytestmark = pytest.mark.slow  # minutes of starting drivers


def question(api: AirflowApi, epoch: int) -> Question:
    return Question(api, "answer_trouble", f"{STREAM}-{epoch}-failed", "answer")


def test_a_failed_stream_is_asked_about_and_started_again(whole: Platform) -> None:
    spec = small_spec().model_copy(update={"name": STREAM})
    spec = spec.model_copy(update={"spark": spec.spark.model_copy(update={"memory": "1m"})})  # no JVM starts with it
    api, registry = AirflowApi(whole.settings, whole.home), Registry.connect(whole.settings.registry_url)
    text = spec.model_dump_json(exclude_none=True)
    try:
        registry.request(Request(STREAM, Desired.RUNNING, "someone", text, spec.fingerprint()))
        found = question(api, 1).asked()
        assert found["subject"] == f"Start {STREAM} again?"
        assert "is FAILED since epoch 1" in found["body"]
        assert "The driver's last lines" in found["body"]

        assert question(api, 1).answer("Start again") == "success"
        assert registry.stream(STREAM).asked_by == "admin"
        question(api, 2).asked()

        assert question(api, 2).answer("Leave it") == "success"
        row = registry.stream(STREAM)
        assert (row.state, row.epoch) == (State.FAILED, 2)
    finally:
        registry.request(Request(STREAM, Desired.STOPPED, "someone"))
        registry.close()
