"""What a person is asked about a stream that does not go on by itself, and what follows from the answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tideline.errors import UserError
from tideline.keeper.failures import FailedBatch
from tideline.keeper.lifecycle import WAITS_FOR_A_PERSON, Desired, State
from tideline.registry.rows import StreamRow

_SHOWN_LINES: Final = 20


class Answer(StrEnum):
    """What a person can choose."""

    START = "Start again"
    QUARANTINE = "Quarantine the record and start again"
    LEAVE = "Leave it"


@dataclass(frozen=True)
class Question:
    """The headline, and what a person has to know, in Markdown."""

    subject: str
    body: str


def waits(row: StreamRow) -> bool:
    """Whether a person is to be asked about the stream now; once in a crash loop, not after each of its probes."""
    is_probed = row.state is State.CRASH_LOOP and row.probes > 0
    return row.desired is Desired.RUNNING and row.state in WAITS_FOR_A_PERSON and not is_probed and not row.has_request


def question_name(row: StreamRow) -> str:
    """The same for the same trouble, so that it is asked about once."""
    return f"{row.name}-{row.epoch}-{row.state.lower().replace('_', '-')}"


def asked_about(row: StreamRow) -> dict[str, Any]:
    """What the trouble is known by: another request or another state is another one. Probes of a crash loop are not."""
    return {"requested": row.requested, "state": row.state.value}


def question_of(row: StreamRow, batch: FailedBatch | None, last_lines: Sequence[str]) -> Question:
    """`batch` is the one that failed twice on the same records, if it is that; `last_lines` are the driver's."""
    reason = row.reason.replace("`", "'")  # it may be a record's own words, which are to be read and not obeyed
    parts = [f"{row.name} is {row.state} since epoch {row.epoch}: `{reason}`", *_poison(batch), *_lines(last_lines)]
    parts.append(
        f"**{Answer.START}** gives it a new driver and a new budget of restarts, by the same spec: choose it when the "
        f"cause is mended. To change the spec, deploy it instead. **{Answer.LEAVE}** changes nothing."
    )
    return Question(f"Start {row.name} again?", "\n\n".join(parts))


def _poison(batch: FailedBatch | None) -> list[str]:
    if batch is None:
        return []
    ranges = [
        f"- partition {partition}, offsets {start} to {end - 1}"
        for partition, parts in sorted(batch.offsets.items())
        for start, end in parts
    ]
    place = single_record(batch)
    how = "it is the only one" if place else "give its partition and offset below"
    return [
        f"The same exception came twice on the same records of topic `{batch.topic}`:",
        "\n".join(ranges),
        f"**{Answer.QUARANTINE}** puts a record on the quarantine list first: {how}.",
    ]


def _lines(last_lines: Iterable[str]) -> list[str]:
    shown = [f"    {line}" for line in list(last_lines)[-_SHOWN_LINES:]]
    return ["The driver's last lines:", "\n".join(shown)] if shown else []


def single_record(batch: FailedBatch) -> tuple[int, int] | None:
    """The partition and offset of a batch that has but one record."""
    ranges = [(partition, *span) for partition, parts in batch.offsets.items() for span in parts]
    return ranges[0][:2] if len(ranges) == 1 and ranges[0][2] == ranges[0][1] + 1 else None


def record_to_quarantine(batch: FailedBatch | None, partition: int | None, offset: int | None) -> tuple[int, int]:
    """The record named in the answer, else the only one that failed; UserError where neither says which."""
    if partition is not None and offset is not None:
        return partition, offset
    place = single_record(batch) if batch else None
    if place is None or partition is not None or offset is not None:
        raise UserError("the answer names no record", "give its partition and its offset, or choose another answer")
    return place
