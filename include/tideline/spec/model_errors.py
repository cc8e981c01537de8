"""Pydantic's errors about a spec as problems with places: unknown and missing keys, wrong values."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tideline.spec.detectors import AnyDetector
from tideline.spec.model import StreamSpec
from tideline.spec.not_exact_yet import REFUSED, is_replaced
from tideline.spec.notifiers import AnyNotifier
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


def model_problems(
    error: ValidationError, text: Text, told: bool, model: type[BaseModel] = StreamSpec
) -> Iterator[Problem]:
    """The verdict of `model`; with `told` its words on the source or a metric as a whole are left out: others say
    more."""
    unknown = [detail["loc"] for detail in error.errors() if detail["type"] == "extra_forbidden"]
    for detail in error.errors():
        place = detail["loc"]
        about_a_whole = detail["type"] == "value_error" and (place == ("source",) or place[:-1] == _METRICS)
        replaced = detail["type"] == "missing" and is_replaced(detail["loc"], unknown)
        misspelt = detail["type"] == "missing" and _is_misspelt(_place(place), unknown, model)
        if not ((told and about_a_whole) or replaced or misspelt):
            yield _problem(detail, text, model)


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
            return text.at_key(
                path, f"unknown key '{path[-1]}'{where}", did_you_mean(str(path[-1]), _keys(model, path[:-1]))
            )
        case "missing":
            return text.at_key(path[:-1], f"key '{path[-1]}' is missing{where}", _example(str(path[-1])))
        case "invalid_key" | "string_pattern_mismatch" if path[-1] == "[key]" or kind == "invalid_key":
            name = path[-2] if path[-1] == "[key]" else path[-1]
            return text.at_key(
                path, f"'{name}' is not a name", "use a letter, then letters, digits and _, all lower-case"
            )
        case "value_error":
            message, _, hint = detail["msg"].removeprefix("Value error, ").partition(": ")
            is_key = path[-1:] == ("[key]",)
            return text.at_key(path[:-1], message, hint) if is_key else text.at_value(path, message, hint)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        kinds, tag = _KINDS[path[0]]
        known = [typing.get_args(each.model_fields[tag].annotation)[0] for each in typing.get_args(kinds)]
        return text.at_value(
            (*path, tag), f"this is no kind of {str(path[0])[:-1]}", f"write {tag}: {', '.join(map(repr, known))}"
        )
    message, hint = _message(kind, detail["input"], detail.get("ctx", {}))
    return text.at_value(path, message, hint)


def _place(path: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Where an error stands in the text: pydantic puts a detector's or a sink's kind in between."""
    return (*path[:2], *path[3:]) if path[0] in _KINDS and len(path) > 2 else path


def _message(kind: str, value: Any, context: Mapping[str, Any]) -> tuple[str, str]:
    """The message and the hint for a value of the wrong kind."""
    shown = (
        "nothing"
        if value is None
        else repr(value)
        if isinstance(value, str | int | float | bool)
        else "what stands here"
    )
    match kind:
        case "literal_error":
            return f"{shown} is not known here", f"write {context['expected']}"
        case "string_pattern_mismatch":
            return f"{shown} is not allowed here", f"it must look like {context['pattern']}"
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
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "dict_type": "a mapping of keys to values",
        "model_type": "a mapping of keys to values",
        "model_attributes_type": "a mapping of keys to values",
        "tuple_type": "a list, as in [service]",
    }.get(kind)
    return (f"this must be {wanted}, not {shown}", "") if wanted else (f"{shown} is not allowed here: {kind}", "")


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


def _keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at a place of a spec, found by walking the model's own types."""
    kind: Any = model
    if len(path) == 2 and path[0] in _KINDS:
        kinds, _ = _KINDS[path[0]]
        return sorted({field for each in typing.get_args(kinds) for field in each.model_fields})
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
