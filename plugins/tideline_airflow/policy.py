"""What all DAGs have in common: who owns them, when their history begins, how they are asked about a stream."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from airflow.sdk import Param

from tideline.spec.load import spec_names
from tideline.spec.parts import NAME
from tideline_airflow.links import streams_url
from tideline_airflow.tags import Tag

OWNER = "tideline"
START = datetime(2025, 1, 1, tzinfo=UTC)
DEFAULT_ARGS: dict[str, Any] = {"owner": OWNER, "retries": 0}

ON_REQUEST: dict[str, Any] = {
    "schedule": None,
    "start_date": START,
    "tags": [Tag.STREAMS],
    "default_args": DEFAULT_ARGS,
}
"""For DAGs that a person triggers for one stream."""

SCHEDULED: dict[str, Any] = {"start_date": START, "catchup": False, "default_args": DEFAULT_ARGS}
"""For DAGs that run by themselves."""

RECONCILE_POOL = "reconcile"
"""How many reconciliations, backfills, verifications and erasures run at once is the pool's size: they must leave the
streams room. `tideline up` makes it, of two slots."""

WAITS_AGAIN: dict[str, Any] = {"retries": 2, "retry_delay": timedelta(seconds=2)}
"""For tasks that only wait, for an event or for a person: a busy scheduler may learn that one waits after it was queued
again, and takes that for a lost task. What the wait itself decides fails at once, without a retry; a person is asked
again."""


class Retries(TypedDict):
    """How often a task is tried again, and after what waits: the first one, and the factor to the next."""

    retries: int
    retry_delay: timedelta
    retry_exponential_backoff: float


ASKS_AGAIN: Retries = {"retries": 5, "retry_delay": timedelta(seconds=2), "retry_exponential_backoff": 4}
"""For tasks that put a question together, which Airflow starts once for each: ten minutes without a registry or a table
lose none."""


def spec_param() -> Param:
    """A spec's name, with suggestions and not from a list: one may have been written since Airflow read the DAG. The
    task looks whether there is one."""
    text = "A spec of the spec folder, by its file's name. " + _all_streams()
    return _name_param(text)


def new_generation_param() -> Param:
    """Whether to begin a new checkpoint although the spec has not changed."""
    text = "Begins a new checkpoint where the ledger ends: for one that is lost. Nothing is lost or counted twice."
    return Param(False, type="boolean", title="New generation", description=text)


def dry_run_param(task_id: str) -> Param:
    """Whether only to say what the run would do, in the log of one task."""
    text = f"Says in the log of the task `{task_id}` what the run would do, and ends."
    return Param(False, type="boolean", title="Dry run", description=text)


def stream_param() -> Param:
    """Any stream's name, with those of the specs as suggestions: a stream may outlive its spec's file."""
    text = "The name of a stream that was deployed. " + _all_streams()
    return _name_param(text)


def optional_stream_param() -> Param:
    """A stream's name, or nothing for all of them."""
    text = "Leave it empty for all streams. " + _all_streams()
    return Param(None, type=["null", "string"], examples=spec_names(), title="Stream", description_md=text)


def _name_param(text: str) -> Param:
    """A name, and no path, with suggestions."""
    names = spec_names()
    default = names[0] if names else None
    return Param(default, type="string", pattern=NAME, examples=names, title="Stream", description_md=text)


def _all_streams() -> str:
    """Markdown: a form shows it beside its field."""
    return f"[All streams]({streams_url()}): their states, Spark UIs, logs and checkpoints."


def time_param(title: str, description: str) -> Param:
    """A time that must be given, with its zone."""
    return Param(type="string", format="date-time", title=title, description=description)


def hold_param() -> Param:
    """The number of a hold."""
    text = "Which corrections: `tideline holds NAME list` shows the numbers."
    return Param(1, type="integer", minimum=1, title="Hold", description=text)


def share_param() -> Param:
    """How much of the tables is held against Kafka."""
    text = "The share of the windows that is compared with Kafka: 1 compares everything, and proves conservation."
    return Param(0.05, type="number", exclusiveMinimum=0, maximum=1, title="Share", description=text)
