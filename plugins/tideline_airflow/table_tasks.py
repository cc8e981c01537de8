"""What the DAGs about tables do: reconcile, hold back and release, backfill, verify, maintain."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, BaseOperatorLink, BaseSensorOperator, PokeReturnValue

from tideline.logs.context import about
from tideline_airflow.installation import Installation
from tideline_airflow.links import data_docs_url
from tideline_airflow.log_fields import about_stream
from tideline_airflow.tasks import (
    alarmed_streams,
    answered_by,
    failed,
    interval_end,
    is_large,
    specs_with_tables,
    streams_to_reconcile,
    yields,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow.sdk import Context

    from tideline.gate.suites import Validation

RELEASE_DAG = "release_corrections"
log = logging.getLogger(__name__)


class DataDocs(BaseOperatorLink):
    """The page of Great Expectations' Data Docs that shows what the task found."""

    name = "Data Docs"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        page = getattr(operator, "page", None)
        return data_docs_url(operator.stream, page) if page else ""  # type: ignore[attr-defined]


class StreamsToReconcile(BaseSensorOperator):
    """By name the streams to reconcile, and whether there is so much to read that Spark shall do it; waits, without a
    worker's slot, while the run is to yield to streams that are getting a new driver."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(mode="reschedule", poke_interval=30, timeout=600, **kwargs)

    def poke(self, context: Context) -> PokeReturnValue:
        if yields(context):
            return PokeReturnValue(is_done=False)
        alarmed = alarmed_streams(context.get("triggering_asset_events") or {})
        names = streams_to_reconcile(context["params"]["stream"], interval_end(context), alarmed)
        found = {name: is_large(name, context.get("data_interval_end")) for name in names}
        return PokeReturnValue(is_done=True, xcom_value=found)


class ReconcileStream(BaseOperator):
    """Corrects the windows of what a stream's batches dropped; what the gate holds back waits for a person.

    :param stream: the stream's name.
    """

    operator_extra_links = (DataDocs(),)

    def __init__(self, *, stream: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stream = stream
        self.page: str | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        from tideline.gate.corrections import gate_of
        from tideline.reconcile import reconcile_stream
        from tideline.reconcile_plan import Interval

        installation = Installation.from_env()
        run, until = str(context["dag_run"].run_id), context.get("data_interval_end")
        gate = gate_of(installation.home, run)

        def gate_with_page(books: Any, corrections: Any) -> Validation:
            found = gate(books, corrections)
            self.page = found.page
            return found

        with about(stream=self.stream):
            done = reconcile_stream(
                installation.home,
                installation.kafka,
                self.stream,
                Interval(until=until),
                self.log.info,
                gate=gate_with_page,
                run=run,
            )
        return done.as_dict()


class ValidateTables(BaseOperator):
    """Validates a stream's published tables by Great Expectations, and ties them to the ledger; fails with what is
    wrong.

    :param stream: the stream's name.
    """

    operator_extra_links = (DataDocs(),)

    def __init__(self, *, stream: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stream = stream
        self.page: str | None = None

    def execute(self, context: Context) -> str | None:
        from tideline.gate.tables import check_tables

        with about(stream=self.stream):
            found = check_tables(Installation.from_env().home, self.stream, str(context["dag_run"].run_id))
            self.page = found.page
            for failure in found.failures:
                self.log.error("%s", failure)
        if found.failures:
            raise failed(f"{self.stream}: {len(found.failures)} expectations do not hold: {found.failures[0]}", context)
        return found.page


def releases_to_ask_for(streams: Iterable[str]) -> list[dict[str, Any]]:
    """For each hold that waits, the run of `release_corrections` that asks a person."""
    from tideline.holds import waiting
    from tideline.tables.holds import read_holds
    from tideline.tables.schemas import StreamTables

    home = Installation.from_env().home
    return [
        {"trigger_run_id": f"hold-{stream}-{hold.number}", "conf": {"stream": stream, "hold": hold.number}}
        for stream in streams
        for hold in waiting(read_holds(StreamTables(home.tables(stream))))
    ]


@about_stream
def question_of(stream: str, number: int, context: Context) -> dict[str, str]:
    """What a person is asked about a hold: `subject`, and `body` in Markdown."""
    from tideline.errors import UserError
    from tideline.holds import hold_numbered
    from tideline.tables.holds import read_holds
    from tideline.tables.schemas import StreamTables
    from tideline.times import iso_ms

    try:
        hold = hold_numbered(stream, read_holds(StreamTables(Installation.from_env().home.tables(stream))), number)
    except UserError as error:
        raise failed(f"{error.message}: {error.fix}", context) from error
    links = [] if hold.page is None else [f"[Data Docs]({data_docs_url(stream, hold.page)})"]
    lines = [
        f"{hold.corrections} corrections of {len(hold.versions)} batches, for {hold.events} late events, are held "
        f"since {iso_ms(hold.at_ms)}: the gate found",
        *(f"- `{failure.replace('`', ' ')}`" for failure in hold.failures),
        "Approve to publish them as they are. Reject to leave them held: `tideline holds` lists them, and "
        f"`{RELEASE_DAG}` asks again.",
        *links,
    ]
    return {"subject": f"Publish hold {number} of {stream}?", "body": "\n\n".join(lines)}


@about_stream
def release(stream: str, number: int, answer: dict[str, Any], context: Context) -> dict[str, Any]:
    """Publishes a hold in the name of whoever approved it."""
    from tideline.errors import UserError
    from tideline.release import release_hold

    by, run = answered_by(answer, context), context["dag_run"].run_id
    try:
        return release_hold(Installation.from_env().home, stream, number, by, run).as_dict()
    except UserError as error:
        raise failed(f"{error.message}: {error.fix}", context) from error


@about_stream
def backfill(stream: str, since: datetime, until: datetime, dry_run: bool, context: Context) -> dict[str, Any]:
    """Computes the closed windows that begin in [since, until) again from Kafka, or says what that would read."""
    from tideline.backfill import backfill_stream
    from tideline.backfill_preview import look_at_backfill
    from tideline.errors import UserError
    from tideline.stream_books import deployed_spec

    installation = Installation.from_env()
    home, kafka = installation.home, installation.kafka
    try:
        if dry_run:
            return look_at_backfill(home, kafka, deployed_spec(home, stream), (since, until), log.info).as_dict()
        done = backfill_stream(home, kafka, stream, since, until, log.info)
    except UserError as error:
        raise failed(f"{error.message}: {error.fix}", context) from error
    if done.gone_windows:
        raise failed(f"{len(done.gone_windows)} windows are left as they are: Kafka lost events of theirs", context)
    return done.as_dict()


@about_stream
def verify(stream: str, share: float, context: Context) -> dict[str, Any]:
    """Compares a share of the windows, or everything with 1, with Kafka; fails when something differs."""
    from random import SystemRandom

    from tideline.verify import verify_stream
    from tideline.verify.sample import Draw, verify_stream_sample

    installation = Installation.from_env()
    place = (installation.home, installation.kafka, stream)
    draw = Draw(SystemRandom().randrange(1_000_000), share)
    report = verify_stream(*place) if share >= 1 else verify_stream_sample(*place, draw)
    found = report.as_dict()
    for difference in found["differences"]:
        log.error("differs: %s", difference)
    if not report.holds:
        raise failed(f"{stream} does not hold: {len(found['differences'])} differences shown in the log", context)
    return found


@about_stream
def maintain(stream: str, context: Context) -> dict[str, Any]:
    """Erases what the stream no longer keeps and tidies its tables; the log says what, and what holds it back."""
    from tideline.errors import UserError
    from tideline.maintain import maintain_stream

    try:
        done = maintain_stream(Installation.from_env().home, stream, progress=log.info).as_dict()
    except UserError as error:
        raise failed(f"{error.message}: {error.fix}", context) from error
    log.info("%s: %s", stream, ", ".join(f"{count} {what} erased" for what, count in done["erased"].items()))
    for why in done["held_back"]:
        log.info("%s: held back: %s", stream, why)
    return done


def streams_of_metrics(wanted: str | None) -> Sequence[str]:
    """The stream asked for; without one every deployed stream that has metrics and has begun its tables."""
    if wanted:
        return [wanted]
    installation = Installation.from_env()
    with installation.registry() as registry:
        return [spec.name for spec in specs_with_tables(installation.home, registry.streams())]
