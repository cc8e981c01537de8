"""A JSON log by RFC 8259 to the letter: numbers stay text until a rule asks for their value."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from oracle.events import TEXT_COLUMNS, Event, Rejected
from oracle.times import from_epoch_ms, from_rfc_3339

LARGEST = 1_000_000_000
_EXACT = Context(prec=100)


@dataclass(frozen=True)
class Number:
    """A JSON number as it was written."""

    text: str

    @property
    def is_integer(self) -> bool:
        return self.text.removeprefix("-").isdigit()


def _not_in_json(constant: str) -> None:
    raise ValueError(constant)


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for pair in pairs:
        _refuse_half_characters(pair)
    return dict(reversed(pairs))


def _refuse_half_characters(value: Any) -> None:
    r"""Half of a surrogate pair, as in "\ud800", is no character; encoding it is a ValueError."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, list | tuple):
        for part in value:
            _refuse_half_characters(part)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_first_of_each, parse_float=Number, parse_int=Number, parse_constant=_not_in_json
)


def parse_json(text: str) -> Event:
    fields = decode(text)
    time_us = event_time(fields.get("timestamp"))
    response_time = millionths("response_time", fields.get("response_time"))
    status_code = _status_code(fields.get("status_code"))
    texts: dict[str, Any] = {column: text_of(column, fields.get(column)) for column in TEXT_COLUMNS}
    return Event(time_us, response_time, status_code, **texts)


def decode(text: str) -> dict[str, Any]:
    """The fields of an object; anything else is malformed."""
    try:
        fields = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Rejected("malformed_json") from None
    if not isinstance(fields, dict):
        raise Rejected("malformed_json")
    return fields


def event_time(value: Any) -> int:
    if value is None:
        raise Rejected("missing_timestamp")
    time_us = None
    if isinstance(value, Number) and value.is_integer:
        time_us = from_epoch_ms(int(Decimal(value.text)))
    elif isinstance(value, str):
        time_us = from_rfc_3339(value)
    if time_us is None:
        raise Rejected("bad_timestamp")
    return time_us


def millionths(column: str, value: Any) -> int | None:
    """A number as written, rounded half-even to millionths, which is what is returned."""
    if value is None:
        return None
    try:
        if isinstance(value, Number):
            number = Decimal(value.text)
            if abs(number) < LARGEST:
                return int(number.quantize(Decimal("0.000001"), ROUND_HALF_EVEN, _EXACT).scaleb(6, _EXACT))
    except ArithmeticError:
        pass  # an exponent beyond all bounds
    raise Rejected(f"bad_{column}")


def _status_code(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, Number) and value.is_integer and 0 <= Decimal(value.text) <= 999:
        return int(value.text)
    raise Rejected("bad_status_code")


def text_of(column: str, value: Any) -> str | None:
    """Numbers and truth values become the text they were written as."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case Number(text):
            return text
    raise Rejected(f"bad_{column}")
