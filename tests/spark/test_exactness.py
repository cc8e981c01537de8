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
        *(range(first, 20, 4) for first in range(4)),  # each with kills, restarts and reconciliations
        *(pytest.param(range(first, first + 20), marks=pytest.mark.slow) for first in range(20, 220, 20)),
    ],
    ids=lambda seeds: f"{seeds[0]} to {seeds[-1]} by {seeds.step}",
)
def test_nothing_differs(tmp_path: Path, seeds: range) -> None:
    report = run_exactness(seeds, jars(), tmp_path / "place", look=ask_the_oracle)
    told = report.as_dict()
    assert report.holds, json.dumps(told, indent=1)
    assert (told["seeds"], told["differences"], told["unbalanced"]) == (len(seeds), 0, 0)
    assert all(told[what] for what in ("restarts", "kills", "reconciliations", "late"))
