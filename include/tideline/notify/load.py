"""Reads who is told, and says all that is wrong with it, each with its place in the file."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from tideline.spec.file_text import file_text
from tideline.spec.model_errors import model_problems
from tideline.spec.notifiers import Notify
from tideline.spec.parts import FROM_A_FILE
from tideline.spec.problems import Problem, SpecError
from tideline.spec.yaml_text import read_yaml


def load_notify(path: Path) -> Notify:
    """SpecError names every problem of the file, UserError says that it cannot be read."""
    shown = str(path)
    return parse_notify(file_text(path, shown, "put it back, or set TIDELINE_NOTIFY to another file"), shown)


def parse_notify(text: str, name: str) -> Notify:
    """`name` is what its problems call the text."""
    read = read_yaml(text)
    if isinstance(read, Problem):
        raise SpecError(name, text, [read])
    if not isinstance(read.data, dict):
        hint = "such as `notifiers: {log: {type: log}}`"
        raise SpecError(name, text, [read.at_value((), "this file is keys with values", hint)])
    problems = list(read.doubled_keys())
    try:
        found = Notify.model_validate(read.data, context=FROM_A_FILE)
    except ValidationError as error:
        raise SpecError(name, text, [*problems, *model_problems(error, read, told=False, model=Notify)]) from None
    if problems:
        raise SpecError(name, text, problems)
    return found
