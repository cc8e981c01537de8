"""Entries as lines of text: for a person, and for the keeper that looks for causes in them."""

from __future__ import annotations

from collections.abc import Iterator

from tideline.logs.context import About
from tideline.logs.entry import RAW, Entry
from tideline.shown_bytes import escape
from tideline.times import iso_millis

_INDENT = "    "


def shown_lines(entry: Entry) -> list[str]:
    """What a terminal and a page can show: a first line, and indented what belongs to it. Nothing speaks to a terminal
    or can be taken for another line's beginning."""
    return [printable(line) if n == 0 else _INDENT + printable(line) for n, line in enumerate(told_lines(entry))]


def told_lines(entry: Entry) -> list[str]:
    """As a log without JSON has it: the message, then the trace, line by line and unescaped."""
    if entry.level == RAW:
        return [entry.message]
    return [head(entry), *_rest(entry)]


def head(entry: Entry) -> str:
    """The first line: time, level, source, what it is about, logger, and the message's own first line."""
    first, *_ = entry.message.split("\n", 1)
    at = "" if entry.at is None else iso_millis(entry.at)
    words = (at, entry.level, entry.source, _where(entry.about), f"{entry.logger}:")
    return " ".join(filter(None, (*words, first)))


def printable(text: str) -> str:
    """Every character that is not printed as its code, a tab as four blanks."""
    return "".join(_INDENT if character == "\t" else escape(character) for character in text)


def _rest(entry: Entry) -> Iterator[str]:
    yield from entry.message.split("\n")[1:]
    if entry.trace:
        yield from entry.trace.split("\n")


def _where(about: About) -> str:
    """`e2 g1/5`: epoch 2, batch 5 of generation 1."""
    epoch = "" if about.epoch is None else f"e{about.epoch}"
    batch = "" if about.batch is None else f"/{about.batch}"
    generation = "" if about.generation is None else f"g{about.generation}{batch}"
    return " ".join(filter(None, (epoch, generation)))
