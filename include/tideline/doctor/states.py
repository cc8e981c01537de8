"""Streams that wait for a person, or run and are not as they should be, by the registry's word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tideline.doctor.finding import Finding, Severity
from tideline.keeper.deployed import readable
from tideline.keeper.lifecycle import WAITS_FOR_A_PERSON, State
from tideline.registry.rows import StreamRow

WHAT: Final = "streams"


def judge_state(row: StreamRow) -> Iterator[Finding]:
    """A deployed spec that this version cannot read keeps the keeper from the stream."""
    _, said = readable(row.spec)
    if said:
        fix = f"mend {row.name}.yaml, then run `tideline deploy {row.name}`"
        yield Finding(WHAT, row.name, f"the spec it was deployed by cannot be read by this version: {said}", fix)
    if row.state in WAITS_FOR_A_PERSON:
        fix = f"mend it, then run `tideline deploy {row.name}`"
        yield Finding(WHAT, row.name, f"{row.state}: {row.reason}", fix)
    elif row.state is State.DEGRADED:
        fix = 'docs/operation.md, "What is said of a running driver", says what to do'
        yield Finding(WHAT, row.name, f"{row.state}: {row.reason}", fix, Severity.WARNING)
