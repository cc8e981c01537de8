"""Pydantic's errors about a spec as problems with places: unknown and missing keys, wrong values."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tideline.spec.detectors import AnyDetector
from tideline.spec.model import StreamSpec
from tideline.spec.not_exact_yet import REFUSED, is_replaced
from tideline.spec.notifiers import IMPORT_PATH, AnyNotifier
from tideline.spec.own_settings import SETTING
from tideline.spec.parts import COLUMN, NAME, PYTHON_FILE, TOPIC
from tideline.spec.problems import Problem, did_you_mean, nearest
from tideline.spec.sinks import AnySink
from tideline.spec.yaml_text import Text

_METRICS: Final = ("metrics",)
_KINDS: Final[Mapping[str | int, tuple[Any, str]]] = {
    "detectors": (AnyDetector, "kind"),
    "sinks": (AnySink, "to"),
    "notifiers": (AnyNotifier, "type"),
}
"""Parts of which there are several kinds, and the key that tells which."""


FORMS: Final[Mapping[str, tuple[str, str]]] = {
    COLUMN: ("not a name", "use a letter, then letters, digits and _, all lower-case, 63 at most"),
    NAME: ("not a name", "use a letter, then letters, digits, - and _, all lower-case, 63 at most"),
    TOPIC: ("no name for a topic", "use letters, digits, '.', - and _, 249 at most, such as my-logs"),
    SETTING: ("no setting of Spark", "they begin with spark., such as spark.sql.ansi.enabled"),
    PYTHON_FILE: ("no Python file", "write its path from the project's root, such as jobs/examples/server_errors.py"),
    IMPORT_PATH: (
        "no import path",
        "write module and class, such as airflow.providers.smtp.notifications.smtp.Notifier",
    ),
}
"""The patterns of a spec's texts: what a text of another form is, and the hint."""


def model_problems(
    error: ValidationError, text: Text, told: bool, model: type[BaseModel] = StreamSpec
) -> Iterator[Problem]:
    """The verdict of `model`; with `told` its words on the source or a metric as a whole are left out: others say
    more."""
    unknown = [detail["loc"] for detail in error.errors() if detail["type"] == "extra_forbidden"]
    for path in dict.fromkeys(map(_above, filter(_is_key_of_no_text, error.errors()))):
        yield from text.keys_of_no_text(path)
    for detail in error.errors():
        place = detail["loc"]
        about_a_whole = detail["type"] == "value_error" and (place == ("source",) or place[:-1] == _METRICS)
        replaced = detail["type"] == "missing" and is_replaced(detail["loc"], unknown)
        misspelt = detail["type"] == "missing" and _is_misspelt(_place(place), unknown, model)
        if not ((told and about_a_whole) or replaced or misspelt or _is_key_of_no_text(detail)):
            yield _problem(detail, text, model)


def _is_key_of_no_text(detail: ErrorDetails) -> bool:
    return detail["type"] == "invalid_key" or (detail["type"] == "string_type" and detail["loc"][-1] == "[key]")


def _above(detail: ErrorDetails) -> tuple[int | str, ...]:
    """Where the mapping of a key is."""
    path = _place(detail["loc"])
    return path[:-2] if path[-1] == "[key]" else path[:-1]


def _is_misspelt(missing: tuple[int | str, ...], unknown: Iterable[tuple[int | str, ...]], model: Any) -> bool:
    """Whether an unknown key beside it is told to be meant for it: then that says all."""
    beside = [str(path[-1]) for path in map(_place, unknown) if path[:-1] == missing[:-1]]
    keys = _keys(model, missing[:-1]) if beside else []
    return any(nearest(word, keys) == missing[-1] for word in beside)


def _problem(detail: ErrorDetails, text: Text, model: type[BaseModel]) -> Problem:
    path, kind = _place(detail["loc"]), detail["type"]
    where = f" in {_dotted(path[:-1])}" if path[:-1] else ""
    match kind:
        case "extra_forbidden" if path[-1] in REFUSED:
            return text.at_key(path, REFUSED[str(path[-1])].reason, REFUSED[str(path[-1])].instead)
        case "extra_forbidden":
            word = str(path[-1])
            hint = _goes_with(detail["loc"]) or did_you_mean(word, _keys(model, detail["loc"][:-1]))
            return text.at_key(path, f"unknown key '{word}'{where}", hint)
        case "missing":
            return text.at_key(path[:-1], f"key '{path[-1]}' is missing{where}", _example(str(path[-1])))
        case "string_pattern_mismatch" if path[-1] == "[key]":
            return text.at_key(path[:-1], *_of_form(path[-2], detail["ctx"]["pattern"]))
        case "value_error":
            message, _, hint = detail["msg"].removeprefix("Value error, ").partition(": ")
            is_key = path[-1:] == ("[key]",)
            return text.at_key(path[:-1], message, hint) if is_key else text.at_value(path, message, hint)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag, known = _KINDS[path[0]][1], list(_kinds(path[0]))
        hint = _choice(detail["input"].get(tag), known, f"{tag}: {', '.join(map(repr, known))}")
        return text.at_value((*path, tag), f"this is no kind of {str(path[0])[:-1]}", hint)
    message, hint = _message(kind, detail["input"], detail.get("ctx", {}))
    return text.at_value(path, message, hint)


def _place(path: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Where an error stands in the text: pydantic puts a detector's or a sink's kind in between."""
    return (*path[:2], *path[3:]) if path[0] in _KINDS and path[2:] not in ((), ("[key]",)) else path


def _message(kind: str, value: Any, context: Mapping[str, Any]) -> tuple[str, str]:
    """The message and the hint for a value of the wrong kind."""
    shown = _shown(value)
    match kind:
        case "literal_error" | "enum":
            known = re.findall(r"'([^']*)'", context["expected"])
            return f"{shown} is not known here", _choice(value, known, context["expected"])
        case "string_pattern_mismatch":
            return _of_form(value, context["pattern"])
        case "string_type" if isinstance(value, bool | int | float | date):
            return f"this must be a text, not {shown}", "put it in quotes"
        case "greater_than":
            return f"this must be more than {context['gt']}", ""
        case "greater_than_equal" | "less_than_equal":
            bound = "at least" if "ge" in context else "at most"
            return f"{shown} is out of bounds", f"write {bound} {context.get('ge', context.get('le'))}"
        case "too_short":
            return "there must be at least one", ""
    wanted = {
        "string_type": "a text",
        "int_type": "a whole number",
        "int_parsing": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "finite_number": "a number that is finite",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "dict_type": "a mapping of keys to values",
        "model_type": "a mapping of keys to values",
        "model_attributes_type": "a mapping of keys to values",
        "tuple_type": "a list, in brackets or with a - before each entry",
    }.get(kind)
    return (f"this must be {wanted}, not {shown}", "") if wanted else (f"{shown} is not allowed here: {kind}", "")


def _shown(value: Any) -> str:
    """A value as the spec has it, in so far as it is short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str | int | float) else "what stands here"


def _choice(word: object, known: Iterable[str], shown: str) -> str:
    """A hint that names the known words, `shown` together, and the nearest one first."""
    near = nearest(word, known) if isinstance(word, str) else None
    return f"did you mean '{near}'? or write {shown}" if near else f"write {shown}"


def _of_form(value: object, pattern: str) -> tuple[str, str]:
    """What a text that does not match a pattern is not, and what it would have to look like."""
    what, hint = FORMS.get(pattern, ("not allowed here", f"it must look like {pattern}"))
    return f"'{value}' is {what}", hint


def _dotted(path: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in path)


def _example(key: str) -> str:
    examples = {
        "name": "name: log-metrics",
        "source": "source: {topic: logs, format: log}",
        "topic": "topic: logs",
        "watermark": "watermark: 5 minutes",
        "window": "window: 1 minute",
        "measures": "measures: {request_count: count}",
        "key": "key: user_id",
        "path": "path: data/events/*.json",
        "port": "port: 9999",
        "more_than": "more_than: 5",
        "within": "within: 1 hour",
    }
    return f"such as `{examples[key]}`" if key in examples else ""


def _kinds(part: str | int) -> dict[str, type[BaseModel]]:
    """The models of a part of which there are several kinds, by what their tag says."""
    kinds, tag = _KINDS[part]
    return {typing.get_args(each.model_fields[tag].annotation)[0]: each for each in typing.get_args(kinds)}


def _goes_with(place: tuple[int | str, ...]) -> str:
    """A hint for a key of another kind; empty where no kind has it."""
    if place[0] not in _KINDS or len(place) != 4:
        return ""
    having = [name for name, kind in _kinds(place[0]).items() if place[3] in kind.model_fields]
    return f"it goes with `{_KINDS[place[0]][1]}: {having[0]}`" if having else ""


def _keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at a place of a spec as pydantic tells it, found by walking the model's own types."""
    kind: Any = model
    if path and path[0] in _KINDS:
        kinds = _kinds(path[0])
        known = [kinds[str(path[2])]] if len(path) == 3 and path[2] in kinds else kinds.values()
        return sorted({field for each in known for field in each.model_fields})
    for part in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = _plain(kind.model_fields[str(part)].annotation)
        else:
            kind = _plain(typing.get_args(kind)[-1])
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _plain(kind: Any) -> Any:
    """A type without what `Annotated` adds to it, and without `None`."""
    if isinstance(kind, types.UnionType):
        (kind,) = (part for part in typing.get_args(kind) if part is not types.NoneType)
    return typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
