"""A spec that fails at run time gives way to the last stable one by itself, and the reason stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.platform import Platform
from tideline.home import PROJECT_SPECS
from tideline.kafka_io import ensure_topic
from tideline.keeper.asking import ask_to_deploy, ask_to_end
from tideline.keeper.last_words import last_words
from tideline.keeper.lifecycle import Desired, State
from tideline.platform.waiting import wait_until
from tideline.registry.store import Registry
from tideline.spec.job import Spec
from tideline.spec.load import find_spec, load_any_spec

STREAM = "rolled-back"
pytestmark = pytest.mark.slow  # minutes of waiting for clocks
WITHIN_S = 360.0


def written(folder: Path, spec: Spec) -> Path:
    file = folder / f"{STREAM}.yaml"
    file.write_text(spec.model_dump_json(exclude_none=True))
    return file


def test_what_fails_at_run_time_is_rolled_back_within_six_minutes(whole: Platform, tmp_path: Path) -> None:
    good = load_any_spec(find_spec("server-errors", PROJECT_SPECS)).model_copy(update={"name": STREAM})
    bad = good.model_copy(update={"arguments": {}})
    ensure_topic(whole.settings.kafka, str(good.topic), 3)
    registry = Registry.connect(whole.settings.registry_url)

    def is_stable() -> bool:
        row = registry.stream(STREAM)
        return row.state is State.STABLE and not row.has_request

    try:
        ask_to_deploy(registry, good, written(tmp_path, good), "ann")
        assert wait_until(is_stable, 240, every=1), registry.stream(STREAM)
        before = registry.stream(STREAM)

        ask_to_deploy(registry, bad, written(tmp_path, bad), "ann")
        assert wait_until(lambda: is_stable() and registry.stream(STREAM).epoch > before.epoch, WITHIN_S, every=1), [
            (move.to_state, move.reason) for move in registry.transitions(STREAM)
        ]
        after = registry.stream(STREAM)
        assert after.spec == before.spec
        assert after.refused is not None
        assert registry.transitions(STREAM, to=State.ROLLING_BACK)
        assert any("least_status" in line for line in last_words(registry, whole.home, STREAM))
    finally:
        ask_to_end(registry, STREAM, "ann", Desired.STOPPED)
        registry.close()
