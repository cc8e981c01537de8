"""What the task of `maintain_tables` does with a stream, and how it fails."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from support.erasing import keeping
from support.late_player import reconcile
from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.home import Home
from tideline.tables.published import read_published
from tideline_airflow.table_tasks import maintain


@pytest.fixture
def player(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Player:
    monkeypatch.setenv("TIDELINE_HOME", str(tmp_path))
    home, spec = Home(tmp_path), keeping(small_spec())
    home.stream("small").root.mkdir(parents=True)
    home.stream("small").spec.write_text(spec.model_dump_json(exclude_none=True))
    player = Player(home.tables("small"), spec)
    for second in (1, 30, 60, 90):
        player.play(log_line(second))
    reconcile(player)
    return player


def context() -> Any:
    pushed: dict[str, Any] = {}
    return {"ti": SimpleNamespace(xcom_push=pushed.__setitem__), "dag_run": SimpleNamespace(run_id="run-1")}


def test_a_run_logs_what_it_erased_and_what_holds_more_back(player: Player, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        done = maintain("small", context())
    assert done["erased"] == {"batches": 2, "parts": 2}
    assert "small: 2 batches erased, 2 parts erased" in caplog.text
    assert "held back: later windows are open" in caplog.text


def test_a_stream_that_was_never_deployed_fails_with_the_fix(player: Player) -> None:
    with pytest.raises(AirflowFailException, match="'other' was never deployed: tideline deploy other"):
        maintain("other", context())


def test_nothing_is_erased_from_rows_that_are_not_what_their_inputs_give(player: Player) -> None:
    from deltalake import DeltaTable

    DeltaTable(str(player.tables.published("counts"))).delete("hour = '1970-01-01-00'")
    done = maintain("small", context())
    rows = read_published(player.tables.published("counts"))
    assert done["erased"]["parts"] == 2
    assert rows is not None
    assert len(rows) == 2  # published again from what was there, and then frozen
