"""Where a stream's first generation begins in its topic. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tideline.errors import UserError
from tideline.spec.model import Source


class NotInTheLog(UserError):
    """Stated starting offsets that the topic does not have."""


def first_offsets(source: Source, earliest: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, int]:
    """The offset that each partition is read from, by the topic's earliest offsets and its ends.

    Stated offsets name every partition, each from its earliest to its end: NotInTheLog otherwise.
    """
    stated = source.starting_offsets
    if stated == "earliest":
        return dict(earliest)
    if stated == "latest":
        return dict(ends)
    if stated.keys() != ends.keys():
        raise NotInTheLog(
            f"source.starting_offsets names the partitions {_list(stated)}, topic '{source.topic}' has {_list(ends)}",
            "name each partition once",
        )
    wrong = {part: at for part, at in sorted(stated.items()) if not earliest[part] <= at <= ends[part]}
    if wrong:
        held = ", ".join(f"{part}: {at}, held are {earliest[part]} to {ends[part]}" for part, at in wrong.items())
        raise NotInTheLog(
            f"source.starting_offsets are not in topic '{source.topic}' (partition {held})",
            "choose offsets that Kafka holds, or write earliest or latest",
        )
    return dict(stated)


def _list(partitions: Mapping[int, int]) -> str:
    return ", ".join(map(str, sorted(partitions))) or "none"
