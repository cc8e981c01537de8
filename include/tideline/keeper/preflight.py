"""What a deploy would do, said before it does it: a pure function of the spec that runs and the one that is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

import yaml

from tideline.errors import UserError
from tideline.keeper.lifecycle import WAITS_FOR_A_PERSON, Desired
from tideline.registry.rows import StreamRow
from tideline.spec.job import Spec

_SHOWN: Final = 100


class Way(StrEnum):
    """How a deploy begins."""

    FIRST = "first"
    NOTHING = "nothing"
    RESUME = "resume"
    REBUILD = "rebuild"
    REFUSED = "refused"


SAYS: Final = {
    Way.FIRST: "begins with a new checkpoint, at its starting offsets",
    Way.NOTHING: "runs by this spec already: nothing is to be done",
    Way.RESUME: "goes on from its checkpoint",
    Way.REBUILD: "begins a new generation where the ledger ends: closed windows stay, open ones are computed anew",
    Way.REFUSED: "is refused, and what runs stays as it is",
}


@dataclass(frozen=True)
class Preflight:
    """The way, and why: one line a change or a reason."""

    way: Way
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "says": SAYS[self.way]}


def preflight(
    row: StreamRow | None, wanted: Spec, text: str, refusal: UserError | None = None, anew: bool = False
) -> Preflight:
    """Of the stream's `row`, None if there is none, and the spec that is wanted, with its text; `refusal` is what the
    tables have against it, `anew` asks for a new generation whatever has changed."""
    changed = tuple(changes(row.spec, text)) if row else ()
    if refusal is not None:
        return Preflight(Way.REFUSED, (f"{refusal.message}: {refusal.fix}", *changed))
    if row is None or not row.epoch:
        return Preflight(Way.FIRST, ())
    if anew or wanted.fingerprint() != row.fingerprint:
        return Preflight(Way.REBUILD, (*(["it is asked for"] if anew else []), *changed))
    if text != row.spec or row.desired is not Desired.RUNNING or row.state in WAITS_FOR_A_PERSON:
        return Preflight(Way.RESUME, changed)
    return Preflight(Way.NOTHING, ())


def changes(before: str, after: str) -> list[str]:
    """What is not the same in two specs' texts, a line each, as `metrics.volume.window: 1 minute is 2 minutes now`."""
    old, new = (_flat(yaml.safe_load(text)) for text in (before, after))
    return [_change(key, old, new) for key in sorted({*old, *new}) if old.get(key) != new.get(key)]


def _change(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if key not in old:
        return f"{key}: {_shown(new[key])} is new"
    if key not in new:
        return f"{key}: {_shown(old[key])} is gone"
    return f"{key}: {_shown(old[key])} is {_shown(new[key])} now"


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{name}.")
        elif value is not None:
            found[name] = value
    return found


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
