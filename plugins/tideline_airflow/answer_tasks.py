"""What DAGs do to ask a person about a stream that waits for one, and to act on the answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowSkipException

from tideline_airflow.installation import Installation
from tideline_airflow.log_fields import about_stream
from tideline_airflow.tasks import answered_by, caller_of, failed

if TYPE_CHECKING:
    from airflow.sdk import Context

    from tideline.keeper.failures import FailedBatch
    from tideline.registry.rows import StreamRow
    from tideline.registry.store import Registry

ANSWER_DAG: Final = "answer_trouble"
log = logging.getLogger(__name__)


def questions_to_ask() -> list[dict[str, Any]]:
    """For each stream that waits for a person, the run of `answer_trouble` that asks one."""
    from tideline.keeper.question import question_name, waits

    with Installation.from_env().registry() as registry:
        return [
            {"trigger_run_id": question_name(row), "conf": {"stream": row.name}}
            for row in registry.streams()
            if waits(row)
        ]


@about_stream
def question_of(stream: str, context: Context) -> dict[str, Any]:
    """What a person is asked: `subject`, and `body` in Markdown, `about` what; skipped where the stream waits for
    nobody."""
    from tideline.keeper.last_words import last_words
    from tideline.keeper.question import asked_about
    from tideline.keeper.question import question_of as ask

    installation = Installation.from_env()
    with installation.registry() as registry:
        row = _waiting(registry, stream, context)
        asked = ask(row, _poison(registry, row), last_words(registry, installation.home, stream))
    return {"subject": asked.subject, "body": asked.body, "about": asked_about(row)}


@about_stream
def act_on(stream: str, question: dict[str, Any], answer: dict[str, Any], context: Context) -> str:
    """Does what a person chose, in their name, and makes the keeper act at once; what was done, in words. Skipped where
    the stream waits for a person about something else by now."""
    from tideline.errors import UserError
    from tideline.keeper.asking import ask_to_restart
    from tideline.keeper.question import Answer, asked_about, record_to_quarantine

    installation, chosen = Installation.from_env(), Answer(answer["chosen_options"][0])
    by = answered_by(answer, context)
    if chosen is Answer.LEAVE:
        return f"{by} leaves {stream} as it is"
    with installation.registry() as registry:
        row = _waiting(registry, stream, context)
        if question.get("about", asked_about(row)) != asked_about(row):  # an older version asked about none
            raise AirflowSkipException(f"{stream} waits for another reason by now, see its question: {row.reason}")
        try:
            if chosen is Answer.QUARANTINE:
                form = answer.get("params_input") or {}
                place = record_to_quarantine(_poison(registry, row), form.get("partition"), form.get("offset"))
                _quarantine(installation, stream, place, by, row.reason)
            ask_to_restart(registry, stream, by, installation.require_startable)
        except UserError as error:
            raise failed(f"{error.message}: {error.fix}", context) from error
        with installation.keeper(registry) as keeper:
            keeper.tick(stream, caller_of(context))
    return f"{by} starts {stream} again"


def _waiting(registry: Registry, stream: str, context: Context) -> StreamRow:
    from tideline.keeper.lifecycle import WAITS_FOR_A_PERSON
    from tideline.registry.rows import UnknownStream

    try:
        row = registry.stream(stream)
    except UnknownStream as error:
        raise failed(str(error), context) from error
    if row.state not in WAITS_FOR_A_PERSON:
        raise AirflowSkipException(f"{stream} waits for nobody any more: it is {row.state}, {row.reason}")
    return row


def _poison(registry: Registry, row: StreamRow) -> FailedBatch | None:
    """The batch that the newest failure of a stream of metrics names, if the same records failed twice."""
    from tideline.keeper.deployed import parse_deployed
    from tideline.keeper.failures import FailedBatch, FailureClass
    from tideline.keeper.recording import FAILURE
    from tideline.spec.job import JobSpec

    losses = (move.evidence[FAILURE] for move in registry.transitions(row.name) if FAILURE in move.evidence)
    told: dict[str, Any] = next(losses, {})
    is_poison = told.get("class") == FailureClass.POISON and not isinstance(parse_deployed(row.spec), JobSpec)
    return FailedBatch.parse(told["batch"]) if is_poison else None


def _quarantine(installation: Installation, stream: str, place: tuple[int, int], who: str, why: str) -> None:
    from tideline.clock import now_ms
    from tideline.quarantine import Entry
    from tideline.quarantine_acts import put_on_list
    from tideline.times import iso_ms

    entry = Entry(*place, why, who, iso_ms(now_ms() // 1000 * 1000))
    put_on_list(installation.home, installation.kafka, stream, entry)
    log.info("partition %s, offset %s is on the quarantine list of %s", *place, stream)
