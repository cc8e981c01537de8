"""Questions that Airflow asks a person, read and answered by its REST API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tideline.airflow_api import ENDS, AirflowApi, NotFound
from tideline.platform.waiting import wait_until


@dataclass(frozen=True)
class Question:
    """The one task of a run that asks."""

    api: AirflowApi
    dag_id: str
    run_id: str
    task_id: str

    def asked(self, within_s: float = 240.0) -> dict[str, Any]:
        """What is asked, once the task waits: an answer before that, as no person gives one, is lost."""
        assert wait_until(self._waits, within_s, every=0.5), f"{self.dag_id} {self.run_id} asks nobody"
        return self.api.call("GET", f"{self._task}/-1/hitlDetails")

    def answer(self, chosen: str) -> str:
        """Chooses an option, again where it is asked again: a busy scheduler takes a quick answer for a lost task, and
        the task for one to be tried again. How the run ends."""
        assert wait_until(lambda: self._is_over(chosen), 180.0, every=1)
        return self.api.state(self.dag_id, self.run_id)

    @property
    def _task(self) -> str:
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{self.task_id}"

    def _is_over(self, chosen: str) -> bool:
        if self._waits() and not self.api.call("GET", f"{self._task}/-1/hitlDetails")["response_received"]:
            body = {"chosen_options": [chosen], "params_input": {}}
            self.api.call("PATCH", f"{self._task}/-1/hitlDetails", json=body)
        return self.api.state(self.dag_id, self.run_id) in ENDS

    def _waits(self) -> bool:
        try:
            return bool(self.api.call("GET", self._task)["state"] == "awaiting_input")
        except NotFound:
            return False
