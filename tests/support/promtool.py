"""Checks of rules by Prometheus' own tool, without a server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from support.debian import PROMTOOL
from support.rule_files import FOLDER
from support.scene import Key, Moment, Scene

MINUTE_S: Final = 60
Labels = Mapping[str, str]
Check = dict[str, Any]


def promtool(*arguments: str) -> str:
    """What it found wrong; empty where all is well."""
    program = PROMTOOL.find()
    if program is None:
        pytest.skip(PROMTOOL.missing)
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return f"{done.stdout}{done.stderr}" if done.returncode else ""


def alerts_at(minute: int, expression: str, *expected: Labels) -> Check:
    """A check that at this minute the expression finds just these alerts, firing."""
    samples = [{"labels": _written("ALERTS", {"alertstate": "firing", **each}), "value": 1} for each in expected]
    return {"expr": expression, "eval_time": f"{minute}m", "exp_samples": samples}


def run_rules(folder: Path, series: Sequence[Mapping[str, str]], checks: Sequence[Check]) -> str:
    """Evaluates all rules every minute over these series; what does not hold."""
    test = {"interval": "1m", "input_series": series, "promql_expr_test": checks}
    files = [str(path) for path in sorted(FOLDER.glob("*.yml"))]
    file = folder / "test.yml"  # JSON is YAML
    file.write_text(json.dumps({"rule_files": files, "evaluation_interval": "1m", "tests": [test]}))
    return promtool("test", "rules", str(file))


def written_series(before: Scene, trouble: Scene, start: int, end: int, minutes: int) -> list[dict[str, str]]:
    """A sample a minute: of the trouble from minute `start` to `end`, else of what was before; `_` for none."""
    return [
        {
            "series": _written(key.name, _labels(key)),
            "values": " ".join(_values(key, before, trouble, start, end, minutes)),
        }
        for key in {**before, **trouble}
    ]


def _values(key: Key, before: Scene, trouble: Scene, start: int, end: int, minutes: int) -> Iterable[str]:
    for minute in range(minutes):
        value = (trouble if start <= minute < end else before).get(key)
        at = float(minute * MINUTE_S)
        yield "_" if value is None else format(value(Moment(at, at)), ".15g")


def _labels(key: Key) -> dict[str, str]:
    return dict(key.labels) | ({"job": key.job} if key.job else {})


def _written(name: str, labels: Labels) -> str:
    return f"{name}{{{', '.join(f'{label}={json.dumps(value)}' for label, value in sorted(labels.items()))}}}"
