"""Whatever is in a log, its label is printable, short, not empty, and of no other value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tideline.exporter.labels import EMPTY, NULL, OTHER, added, encode, greatest, key_labels

HOSTILE = [
    ("\x1b[2J\x07", r"\x1b[2J\x07"),
    ("a\nb\r\tc", r"a\nb\r\tc"),
    ('say "\\"', 'say "\\\\"'),
    ("\u202egnp.exe", r"\u202egnp.exe"),
    (b"\xff\xfe ok", r"\xff\xfe ok"),
    ("\ud800", r"\xed\xa0\x80"),
    ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ("caf\u00e9 \U0001f600", "caf\u00e9 \U0001f600"),
    ("\x00", r"\x00"),
    (None, NULL),
    ("", EMPTY),
    (NULL, r"\\(null)"),
]


@pytest.mark.parametrize(("value", "label"), HOSTILE)
def test_a_value_is_shown_and_not_obeyed(value: str | bytes | None, label: str) -> None:
    assert encode(value) == label


@given(st.one_of(st.none(), st.text(st.characters(codec=None)), st.binary()))
def test_a_label_is_printable_short_and_never_empty(value: str | bytes | None) -> None:
    label = encode(value)
    assert label.isprintable()
    assert 0 < len(label) <= 700


@given(st.lists(st.one_of(st.none(), st.text(max_size=6)), unique=True, max_size=8))
def test_two_values_are_two_labels(values: list[str | None]) -> None:
    assert len(set(map(encode, values))) == len(values)


@pytest.mark.parametrize("other", ["x" * 500 + "z", "x" * 499])
def test_values_that_are_cut_alike_stay_two(other: str) -> None:
    assert encode("x" * 500 + "y") != encode(other)
    assert encode("x" * 500).startswith("x" * 100 + "... (500 bytes) ")


def test_a_key_is_a_label_a_column() -> None:
    assert key_labels(["service", "user"], ["shop", None]) == {"key_service": "shop", "key_user": NULL}


@given(st.permutations([("a", 1.0), ("b", 3.0), ("c", 3.0), ("d", None), ("e", float("nan")), ("f", -1.0)]))
def test_the_greatest_are_the_same_in_any_order(items: list[tuple[str, float | None]]) -> None:
    assert greatest([(name, weight, name) for name, weight in items], 5) == ["b", "c", "a", "f", "d"]


def test_a_counter_that_was_told_goes_on_when_there_are_too_many() -> None:
    first = added({}, {"b": 1, "a": 2}, at_most=2)
    assert added(first, {"a": 1, "c": 5, "d": 1}, at_most=2) == {"a": 3, "b": 1, OTHER: 6}
