"""A stream that no restart mends: Airflow asks a person once, and starts it again in the name of whoever says so."""

from __future__ import annotations

from typing import Any

from support.platform import Platform
from support.records import small_spec
from tideline.airflow_api import AirflowApi, NotFound
from tideline.keeper.lifecycle import Desired, State
from tideline.platform.waiting import wait_until
from tideline.registry.requests import Request
from tideline.registry.store import Registry

STREAM = "broken"


def question(epoch: int) -> str:
    return f"/dags/answer_trouble/dagRuns/{STREAM}-{epoch}-failed/taskInstances/answer/-1/hitlDetails"


def asked(api: AirflowApi, epoch: int) -> dict[str, Any]:
    """What a person is asked after the driver of this epoch, once they are."""
    found: dict[str, Any] = {}

    def is_asked() -> bool:
        try:
            found.update(api.call("GET", question(epoch)))
        except NotFound:
            return False
        return True

    assert wait_until(is_asked, 240, every=1)
    return found


def answer(api: AirflowApi, epoch: int, chosen: str) -> str:
    api.call("PATCH", question(epoch), json={"chosen_options": [chosen], "params_input": {}})
    return api.wait("answer_trouble", f"{STREAM}-{epoch}-failed", 120)


def test_a_failed_stream_is_asked_about_and_started_again(whole: Platform) -> None:
    spec = small_spec().model_copy(update={"name": STREAM})
    spec = spec.model_copy(update={"spark": spec.spark.model_copy(update={"memory": "1m"})})  # no JVM starts with it
    api, registry = AirflowApi(whole.settings, whole.home), Registry.connect(whole.settings.registry_url)
    text = spec.model_dump_json(exclude_none=True)
    try:
        registry.request(Request(STREAM, Desired.RUNNING, "someone", text, spec.fingerprint()))
        found = asked(api, 1)
        assert found["subject"] == f"Start {STREAM} again?"
        assert "is FAILED since epoch 1" in found["body"]
        assert "The driver's last lines" in found["body"]

        assert answer(api, 1, "Start again") == "success"
        assert registry.stream(STREAM).asked_by == "admin"
        asked(api, 2)

        assert answer(api, 2, "Leave it") == "success"
        row = registry.stream(STREAM)
        assert (row.state, row.epoch) == (State.FAILED, 2)
    finally:
        registry.request(Request(STREAM, Desired.STOPPED, "someone"))
        registry.close()
