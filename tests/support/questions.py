"""Questions that Airflow asks a person, read and answered by its REST API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tideline.airflow_api import ENDS, AirflowApi, NotFound
from tideline.platform.waiting import wait_until

READ = timedelta(seconds=6)
"""How long a person takes to read a question. Airflow's scheduler hears within two seconds that a task waits, and loses
an answer that is given before that: the task is queued again, and its first worker's end taken for the second's."""


@dataclass(frozen=True)
class Question:
    """The one task of a run that asks."""

    api: AirflowApi
    dag_id: str
    run_id: str
    task_id: str

    def asked(self, within_s: float = 240.0) -> dict[str, Any]:
        """What is asked, once the task waits."""
        assert wait_until(self._waits, within_s, every=0.5), f"{self.dag_id} {self.run_id} asks nobody"
        return self.api.call("GET", f"{self._task}/-1/hitlDetails")

    def let_read(self) -> None:
        """Waits for as long as a person reads."""
        assert wait_until(self._was_read, 2 * READ.total_seconds(), every=0.5)

    def answer(self, chosen: str) -> str:
        """Chooses an option once it was read, and how the run ends."""
        assert wait_until(lambda: self._is_over(chosen), 180.0, every=1)
        return self.api.state(self.dag_id, self.run_id)

    @property
    def _task(self) -> str:
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{self.task_id}"

    def _is_over(self, chosen: str) -> bool:
        if self._waits():
            found = self.api.call("GET", f"{self._task}/-1/hitlDetails")
            if not found["response_received"] and self._was_read():
                body = {"chosen_options": [chosen], "params_input": {}}
                self.api.call("PATCH", f"{self._task}/-1/hitlDetails", json=body)
        return self.api.state(self.dag_id, self.run_id) in ENDS

    def _was_read(self) -> bool:
        began = datetime.fromisoformat(self.api.call("GET", self._task)["start_date"])
        return datetime.now(UTC) - began > READ

    def _waits(self) -> bool:
        try:
            return bool(self.api.call("GET", self._task)["state"] == "awaiting_input")
        except NotFound:
            return False
