"""A driver that stands still beside a backlog: Airflow sees it in time, and replaces it."""

from __future__ import annotations

import pytest

from support.platform import Platform
from support.records import log_line, small_spec
from support.stopped import family, stand_still
from tideline.clock import now_ms
from tideline.demo.loss import require_pid
from tideline.demo.watch import first_batch_of_epoch_after, wait_for
from tideline.keeper.asking import ask_to_end
from tideline.keeper.lifecycle import Desired, State
from tideline.keeper.verdict import Kind
from tideline.platform.supervisor import Supervisor
from tideline.produce.sender import Sender
from tideline.registry.requests import Request
from tideline.registry.rows import TransitionRow
from tideline.registry.store import Registry

STREAM = "hung"
pytestmark = pytest.mark.slow  # minutes of waiting for clocks
VERDICT_WITHIN_S, REPLACED_WITHIN_S = 75.0, 120.0


def test_a_hung_driver_is_seen_and_replaced(whole: Platform) -> None:
    given = small_spec()
    source = given.source.model_copy(update={"topic": STREAM})
    spec = given.model_copy(update={"name": STREAM, "source": source, "trigger": 2_000})
    registry = Registry.connect(whole.settings.registry_url)

    def is_stable() -> bool | None:
        return registry.stream(STREAM).state is State.STABLE or None

    def hung() -> TransitionRow | None:
        found = registry.transitions(STREAM, to=State.UNHEALTHY)
        return found[0] if found else None

    try:
        with Sender(whole.settings.kafka, STREAM) as sender:
            text = spec.model_dump_json(exclude_none=True)
            registry.request(Request(STREAM, Desired.RUNNING, "ann", text, spec.fingerprint()))
            sender.send(log_line(5))
            wait_for(f"{STREAM} STABLE", is_stable, 240)
            stand_still(family(require_pid(Supervisor(whole.home).state(f"driver-{STREAM}"), STREAM)))
            stood_still = now_ms()
            sender.send(log_line(6))
            sender.flush()
            seen = wait_for("the verdict", hung, 180)
            again = wait_for("a batch", first_batch_of_epoch_after(whole.home, STREAM, seen.epoch), 180)
        assert seen.reason.startswith(Kind.HUNG), seen.reason
        assert (seen.at - stood_still) / 1000 <= VERDICT_WITHIN_S
        assert (again - stood_still) / 1000 <= REPLACED_WITHIN_S
    finally:
        ask_to_end(registry, STREAM, "ann", Desired.STOPPED)
        registry.close()
