"""Whatever a record holds, what is shown of it is text that nothing obeys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tideline.shown_bytes import shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "(null)"),
        (b"", ""),
        (b"not a log line", "not a log line"),
        ("Grüße, 日本".encode(), "Grüße, 日本"),
        (b"<script>alert(1)</script>", "<script>alert(1)</script>"),
        (b"[red]bold[/red] :smile:", "[red]bold[/red] :smile:"),
        (b"\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        (b"\xc2\x9b31m", r"\x9b31m"),
        (b"a\x00b\tc\r\n", r"a\x00b\tc\r\n"),
        (b"caf\xe9 \xff", r"caf\xe9 \xff"),
        (rb"\xe9", r"\\xe9"),
        ("\u202egpj.exe\u2028\U000e0001".encode(), r"\u202egpj.exe\u2028\U000e0001"),
        (b"\xed\xb2\x80", r"\xed\xb2\x80"),
    ],
    ids=["null", "empty", "text", "letters", "HTML", "markup", "ANSI", "C1", "controls", "not UTF-8", "backslash",
         "bidi", "surrogate"],
)  # fmt: skip
def test_what_could_be_obeyed_is_escaped(value: bytes | None, text: str) -> None:
    assert shown(value) == text


def test_a_long_value_is_cut_and_its_size_told() -> None:
    assert shown(b"x" * 1_000_000, at_most=5) == "xxxxx... (1,000,000 bytes)"


def test_a_cut_through_a_character_breaks_none() -> None:
    assert shown("aé".encode() * 10, at_most=5) == "aéa... (30 bytes)"


@given(st.binary(max_size=60))
def test_all_that_is_shown_can_be_printed(value: bytes) -> None:
    assert shown(value, at_most=40).isprintable()


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_different_bytes_look_different(one: bytes, other: bytes) -> None:
    assert (shown(one) == shown(other)) is (one == other)
