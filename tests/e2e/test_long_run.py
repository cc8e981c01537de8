"""Half an hour in which everything beside the drivers fails once, with a steady, a bursty and an idle stream."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from support.platform import Platform
from support.records import log_line, small_spec
from tideline.demo.loss import require_pid
from tideline.demo.watch import all_ledgered, wait_for
from tideline.errors import UserError
from tideline.gate.corrections import let_through
from tideline.kafka_access import KafkaAccess
from tideline.keeper.asking import ask_to_end
from tideline.keeper.lifecycle import Desired, State
from tideline.platform.supervisor import Supervisor
from tideline.produce.sender import Sender
from tideline.reconcile import reconcile_stream
from tideline.registry.requests import Request
from tideline.registry.rows import StreamRow
from tideline.registry.store import Registry
from tideline.spec.model import StreamSpec
from tideline.verify import verify_stream

pytestmark = pytest.mark.slow

MINUTE = 60.0
LASTS = 30 * MINUTE
STEADY, BURSTY, IDLE = "steady", "bursty", "idle"


def spec_of(name: str) -> StreamSpec:
    given = small_spec()
    source = given.source.model_copy(update={"topic": name})
    return given.model_copy(update={"name": name, "source": source})


@contextmanager
def sending(kafka: KafkaAccess, topic: str, records: int, every_s: float) -> Iterator[None]:
    """So many records at once, again and again; while the broker is away it is tried again."""
    over = threading.Event()

    def send() -> None:
        while not over.is_set():
            try:
                with Sender(kafka, topic) as sender:
                    while not over.is_set():
                        for number in range(records):
                            sender.send(log_line(time.time() - 30 * (number % 50 == 7)))  # one in fifty comes late
                        sender.flush()
                        over.wait(every_s)
            except UserError:
                over.wait(1)

    thread = threading.Thread(target=send, name=f"traffic of {topic}")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def act_at(begun: float, moments: Sequence[tuple[float, Callable[[], object]]]) -> None:
    """Each at its seconds since `begun` (monotonic)."""
    for at, act in moments:
        threading.Event().wait(max(0.0, begun + at - time.monotonic()))
        act()


def test_no_driver_is_restarted_for_what_is_not_its_own(whole: Platform) -> None:
    supervisor, registry = Supervisor(whole.home), Registry.connect(whole.settings.registry_url)
    kafka, specs = whole.settings.kafka, {name: spec_of(name) for name in (STEADY, BURSTY, IDLE)}

    def rows() -> dict[str, StreamRow]:
        return {name: registry.stream(name) for name in specs}

    def all_stable() -> bool | None:
        return all(row.state is State.STABLE for row in rows().values()) or None

    def kill(service: str) -> None:
        os.kill(require_pid(supervisor.state(service), service), signal.SIGKILL)

    try:
        for name, spec in specs.items():
            with Sender(kafka, name) as sender:
                sender.send(log_line(time.time()))
            text = spec.model_dump_json(exclude_none=True)
            registry.request(Request(name, Desired.RUNNING, "ann", text, spec.fingerprint()))
        wait_for("all STABLE", all_stable, 300)
        begun = time.monotonic()
        with sending(kafka, STEADY, 10, 0.5), sending(kafka, BURSTY, 5_000, MINUTE):
            act_at(
                begun,
                [
                    (1 * MINUTE, lambda: supervisor.stop_program("api_server")),
                    (3 * MINUTE, lambda: kill("scheduler")),
                    (5 * MINUTE, lambda: kill("triggerer")),
                    (11 * MINUTE, lambda: supervisor.start("api_server")),
                    (13 * MINUTE, lambda: supervisor.stop_program("broker")),
                    (18 * MINUTE, lambda: supervisor.start("broker")),
                    (LASTS, lambda: None),
                ],
            )
        wait_for("all STABLE", all_stable, 180)
        moves = [(row.stream, row.to_state, row.reason) for name in specs for row in registry.transitions(name)]
        assert {name: row.epoch for name, row in rows().items()} == dict.fromkeys(specs, 1), moves
        for name, spec in specs.items():
            wait_for("the last records' batch", all_ledgered(whole.home, kafka, spec), 120)
            reconcile_stream(whole.home, kafka, name, gate=let_through)
            assert verify_stream(whole.home, kafka, name).holds
    finally:
        for name in specs:
            ask_to_end(registry, name, "ann", Desired.STOPPED)
        registry.close()
