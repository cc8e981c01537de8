"""All that was logged of a stream: by its drivers, by Airflow's tasks, and its transitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tideline.home import Home
from tideline.logs.driver_log import driver_entries
from tideline.logs.entry import Entry
from tideline.logs.search import Wanted, newest
from tideline.logs.task_logs import all_task_entries
from tideline.logs.transitions import transition_entries
from tideline.registry.rows import TransitionRow


def task_folder(home: Home) -> Path:
    """Where Airflow keeps the logs of its tasks."""
    return home.logs / "airflow"


def find(home: Home, transitions: Iterable[TransitionRow], wanted: Wanted, most: int | None) -> list[Entry]:
    """The newest entries that are wanted, at most so many, oldest first; `transitions` are newest first.

    A batch is its driver's first: tasks that ended before are not looked at.
    """
    drivers: Iterator[Entry] = driver_entries(home.stream(wanted.stream).log, wanted.may_match)
    since = 0
    if wanted.batch is not None:
        own = [entry for entry in drivers if wanted.matches(entry)]
        since, drivers = min((entry.at for entry in own if entry.at is not None), default=0), iter(own)
    tasks = all_task_entries(task_folder(home), since, wanted.may_match_task)
    return newest((drivers, tasks, transition_entries(transitions)), wanted, most)
