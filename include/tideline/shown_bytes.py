"""Bytes from anyone, as text that a terminal, a log and a page can show without obeying it."""

from __future__ import annotations

import codecs
from typing import Final

_DECODER: Final = codecs.getincrementaldecoder("utf-8")
_SHORT: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_BROKEN: Final = 0xDC00  # where Python's surrogateescape puts bytes that are no UTF-8


def shown(value: bytes | None, at_most: int = 200) -> str:
    r"""The first `at_most` bytes: printable characters as they are, a backslash doubled, all others escaped.

    `\x9f` is a byte that is no UTF-8 or a character below 256, `\u202e` and `\U000e0001` are other characters that
    are not printed: controls, terminal escapes, marks that reverse or hide text. A cut tells the whole size.
    """
    if value is None:
        return "(null)"
    cut = len(value) > at_most
    # A character that the cut goes through is left out, not shown as broken bytes.
    text = _DECODER("surrogateescape").decode(value[:at_most], final=not cut)
    escaped = "".join(_SHORT.get(character) or escape(character) for character in text)
    return f"{escaped}... ({len(value):,} bytes)" if cut else escaped


def printable(text: str, keep: str = "") -> str:
    """A text with the characters escaped that are not printed, other than those of `keep`; a backslash stays one."""
    return "".join(each if each in keep or each.isprintable() else _SHORT.get(each) or escape(each) for each in text)


def escape(character: str) -> str:
    """A character as it is where it can be printed, else its code."""
    if character.isprintable():
        return character
    code = ord(character)
    code = code - _BROKEN if _BROKEN <= code < _BROKEN + 256 else code
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
