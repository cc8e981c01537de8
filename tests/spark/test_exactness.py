"""Seeded disorder, restarts, kills and reconciliations on a real broker and the real driver: nothing may differ."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.against_oracle import unlike_the_oracle
from support.platform import jars
from tideline.bench.exactness import run_exactness
from tideline.bench.exactness_trial import Trial


def ask_the_oracle(trial: Trial) -> None:
    """`verify` shares its parsing and algebra with the stream, the oracle shares nothing, and knows one spec only."""
    if any(step.spec for step in trial.plan.steps):
        return
    assert unlike_the_oracle(trial.tables, trial.spec, trial.plan.records) == []


@pytest.mark.parametrize(
    "seeds",
    [
        *(range(first, first + 5) for first in range(0, 20, 5)),
        *(pytest.param(range(first, first + 20), marks=pytest.mark.slow) for first in range(20, 220, 20)),
    ],
    ids=lambda seeds: f"{seeds.start} to {seeds.stop - 1}",
)
def test_nothing_differs(tmp_path: Path, seeds: range) -> None:
    report = run_exactness(seeds, jars(), tmp_path / "place", look=ask_the_oracle)
    told = report.as_dict()
    assert report.holds, json.dumps(told, indent=1)
    assert (told["seeds"], told["differences"], told["unbalanced"]) == (len(seeds), 0, 0)
    assert all(told[what] for what in ("restarts", "kills", "reconciliations", "late"))
