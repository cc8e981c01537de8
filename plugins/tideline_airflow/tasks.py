"""What DAGs' tasks do: each opens the installation, asks the core, and closes it again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from tideline.errors import UserError
from tideline.logs.context import about
from tideline_airflow.installation import Installation
from tideline_airflow.log_fields import about_stream

if TYPE_CHECKING:
    from airflow.sdk import Context

    from tideline.home import Home
    from tideline.keeper.recording import Caller
    from tideline.registry.rows import StreamRow
    from tideline.registry.store import Registry
    from tideline.spec.model import StreamSpec

REASON = "reason"
YIELDS_FOR: Final = timedelta(minutes=5)
"""How long a reconciliation waits for streams that are getting a new driver."""
_UNASKED: Final = frozenset({"scheduled", "asset_triggered"})
log = logging.getLogger(__name__)
logging.getLogger("kafka").setLevel(logging.WARNING)  # it tells every connection at INFO


def caller_of(context: Context) -> Caller:
    """The user who triggered the run, or the DAG where nobody did."""
    from tideline.keeper.recording import Caller

    run = context["dag_run"]
    return Caller(run.triggering_user_name or run.dag_id, run.run_id)


def answered_by(answer: Mapping[str, Any], context: Context) -> str:
    """The user who answered a question of a human-in-the-loop task."""
    user = answer.get("responded_by_user") or {}
    return str(user.get("name") or user.get("id") or caller_of(context).actor)


@about_stream
def ask_to_deploy(stream: str, context: Context) -> None:
    """Wants the stream RUNNING by the spec of the spec folder, and makes the keeper act at once.

    Of the run's params, `new_generation` begins a new checkpoint, and `dry_run` ends the run with what would be done.
    """
    from tideline.deploy import look_ahead
    from tideline.keeper.asking import ask_to_deploy as ask
    from tideline.keeper.preflight import SAYS, Way
    from tideline.spec.load import find_spec, load_any_spec

    installation, caller, params = Installation.from_env(), caller_of(context), context["params"]
    with installation.registry() as registry:
        try:
            file = find_spec(stream)
            spec = load_any_spec(file)
            ahead = look_ahead(installation.home, registry, spec, file.read_text(), bool(params["new_generation"]))
            for line in (f"{stream} {SAYS[ahead.way]}", *ahead.reasons):
                log.info("preflight: %s", line)
            if ahead.way is Way.REFUSED:
                raise failed(ahead.reasons[0], context)
            if params["dry_run"]:
                raise AirflowSkipException(f"asked not to deploy: {stream} {SAYS[ahead.way]}")
            installation.ensure_topic(spec)
            ask(registry, spec, file, caller.actor, bool(params["new_generation"]))
        except UserError as error:
            raise failed(f"{error.message}: {error.fix}", context) from error
        with installation.keeper(registry) as keeper:
            keeper.tick(stream, caller)


def ask_to_stop(stream: str, context: Context) -> None:
    """Wants the stream STOPPED, and makes the keeper act at once."""
    from tideline.keeper.asking import ask_to_end
    from tideline.keeper.lifecycle import Desired

    _ask(stream, context, partial(ask_to_end, end=Desired.STOPPED))


def ask_to_suspend(stream: str, context: Context) -> None:
    """Wants the stream SUSPENDED, and makes the keeper act at once."""
    from tideline.keeper.asking import ask_to_end
    from tideline.keeper.lifecycle import Desired

    _ask(stream, context, partial(ask_to_end, end=Desired.SUSPENDED))


def ask_to_resume(stream: str, context: Context) -> None:
    """Wants a suspended stream RUNNING again, and makes the keeper act at once."""
    from tideline.keeper import asking

    _ask(stream, context, asking.ask_to_resume)


def ask_to_restart(stream: str, context: Context) -> None:
    """Wants a new driver, and makes the keeper act at once."""
    from tideline.keeper import asking

    _ask(stream, context, partial(asking.ask_to_restart, check=Installation.from_env().require_startable))


def ask_to_roll_back(stream: str, context: Context) -> None:
    """Wants the stream by the spec before its own by which it was STABLE, and makes the keeper act at once."""
    from tideline.keeper import asking

    _ask(stream, context, partial(asking.ask_to_roll_back, check=Installation.from_env().require_startable))


@about_stream
def _ask(stream: str, context: Context, ask: Callable[[Registry, str, str], object]) -> None:
    from tideline.registry.rows import UnknownStream

    installation, caller = Installation.from_env(), caller_of(context)
    with installation.registry() as registry:
        try:
            ask(registry, stream, caller.actor)
        except UnknownStream as error:
            raise failed(str(error), context) from error
        except UserError as error:
            raise failed(f"{error.message}: {error.fix}", context) from error
        with installation.keeper(registry) as keeper:
            keeper.tick(stream, caller)


def keep(context: Context) -> None:
    """Ticks the streams that the run's events name, or all; the log says how each is then."""
    installation, caller = Installation.from_env(), caller_of(context)
    only = alarmed_streams(context.get("triggering_asset_events") or {})
    with installation.registry() as registry, installation.keeper(registry) as keeper:
        rows = keeper.tick_all(caller, only)
    for row in rows:
        with about(stream=row.name, generation=row.generation, epoch=row.epoch):
            log.info("%s: %s at epoch %s, %s", row.name, row.state, row.epoch, row.reason)


def tell(context: Context) -> list[str]:
    """Sends the notices that are due, of all streams; what was sent, in words."""
    from tideline.home import notify_file
    from tideline.notify.collect import collect
    from tideline.notify.load import load_notify
    from tideline.notify.tell import tell as send_due
    from tideline_airflow.notifiers import channels

    notify, installation = load_notify(notify_file()), Installation.from_env()
    with installation.registry() as registry:
        return send_due(registry, channels(notify, context), partial(collect, installation.home, registry))


def alarmed_streams(events: Mapping[Any, Iterable[Any]]) -> set[str] | None:
    """The streams named in the watcher's events; None, for all, when the run has no such event."""
    payloads = [(event.extra or {}).get("payload") for found in events.values() for event in found]
    alarms = [alarm for payload in payloads if payload for alarm in payload["alarms"]]
    for alarm in alarms:
        with about(stream=alarm["stream"]):
            log.info("alarm: %s", alarm)
    return {alarm["stream"] for alarm in alarms} or None


def interval_end(context: Context) -> datetime | None:
    """The end of a scheduled run's data interval; None for a run by hand, which Airflow may give the one before it."""
    return None if context["dag_run"].run_type == "manual" else context.get("data_interval_end")


def yields(context: Context) -> bool:
    """Whether the run is to wait: see `yields_to`."""
    run, now = context["dag_run"], datetime.now(UTC)
    with Installation.from_env().registry() as registry:
        found = yields_to(registry.streams(), run.run_type, now - (run.start_date or now))
    for row in found:
        with about(stream=row.name, generation=row.generation, epoch=row.epoch):
            log.info("waits for %s: it is %s, %s", row.name, row.state, row.reason)
    return bool(found)


def yields_to(rows: Iterable[StreamRow], run_type: str, waited: timedelta) -> list[StreamRow]:
    """The streams that are getting a new driver and need the machine more: none where a person asked for the run, nor
    once it has `waited` for `YIELDS_FOR`, for a stream that never gets well must keep no other from being corrected."""
    from tideline.keeper.lifecycle import BETWEEN_DRIVERS

    if run_type not in _UNASKED or waited >= YIELDS_FOR:
        return []
    return [row for row in rows if row.state in BETWEEN_DRIVERS]


def streams_to_reconcile(wanted: str | None, until: datetime | None, alarmed: set[str] | None = None) -> list[str]:
    """The stream asked for, or those that the run's events name; without one every deployed stream that has begun its
    tables, in a scheduled run only those whose interval ends."""
    from tideline.reconcile_plan import is_due
    from tideline.spec.model import RECONCILE_SCHEDULE_MS

    if wanted:
        return [wanted]
    if alarmed:
        return sorted(alarmed)
    installation = Installation.from_env()
    with installation.registry() as registry:
        rows = registry.streams()
    return [
        spec.name
        for spec in specs_with_tables(installation.home, rows)
        if until is None or is_due(spec.late_data.reconcile, until, RECONCILE_SCHEDULE_MS)
    ]


def specs_with_tables(home: Home, rows: Iterable[StreamRow]) -> list[StreamSpec]:
    """Of the streams of metrics among these that have begun their tables; of one whose spec cannot be read the keeper,
    the page and the doctor tell, and it keeps no other from its turn."""
    from tideline.keeper.deployed import readable
    from tideline.spec.model import StreamSpec

    specs = [readable(row.spec)[0] for row in rows if row.epoch]
    return [spec for spec in specs if isinstance(spec, StreamSpec) and has_begun(home, spec.name)]


def has_begun(home: Home, stream: str) -> bool:
    """Whether a driver of the stream has ever begun its tables: before that there is nothing to correct or to check."""
    from tideline.tables.delta import exists
    from tideline.tables.schemas import StreamTables

    return exists(StreamTables(home.tables(stream)).parts)


@about_stream
def is_large(stream: str, until: datetime | None) -> bool:
    """Whether so much is to be read that a Spark job is worth its start; what has no plan is left to the task to tell.

    An estimate: batches whose ledger row is missing are found only when the books are opened.
    """
    from tideline.reconcile import plan_stream
    from tideline.reconcile_plan import Interval
    from tideline.stream_books import deployed_spec

    home = Installation.from_env().home
    try:
        records = plan_stream(home, stream, Interval(until=until)).records
        return records > deployed_spec(home, stream).late_data.spark_above
    except Exception:  # one stream's trouble must not keep the others from their turn
        log.exception("no plan for %s", stream)
        return False


def reconcile_arguments(stream: str, until: datetime | None, run: str) -> list[str]:
    """What `jobs/run_reconcile.py` is called with to do what `ReconcileStream` does."""
    installation = Installation.from_env()
    limit = ["--until", until.isoformat()] if until else []
    return ["--stream", stream, "--home", str(installation.home.root), *limit, "--run", run]


def failed(reason: str, context: Context) -> AirflowFailException:
    """An error to raise: no retry mends it, and whoever asked can read the reason without the log."""
    context["ti"].xcom_push(REASON, reason)
    return AirflowFailException(reason)
