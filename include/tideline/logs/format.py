"""Python's log records as lines of JSON, and the handler that writes each line at once."""

from __future__ import annotations

import json
import logging
import os
import traceback
from types import TracebackType
from typing import Any, Final

from tideline.logs.context import NOTHING, About, current
from tideline.times import iso_millis

LONGEST: Final = 131_072
"""Characters of a message or a trace; of a longer one the middle is left out."""

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class JsonLines(logging.Formatter):
    """A record as one line: ts, level, logger, message, what it is about, exception.

    Whatever is not printed ASCII is escaped as JSON has it, so that no text begins a line or speaks to a terminal.
    `fixed` holds for the whole process.
    """

    def __init__(self, fixed: About = NOTHING) -> None:
        super().__init__()
        self._fixed = fixed.known()

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "ts": iso_millis(int(record.created * 1000)),
            "level": record.levelname,
            "logger": record.name,
            "message": cut(_message(record)),
        }
        said |= self._fixed | current().known()
        if record.exc_info and record.exc_info[0] is not None:
            said["exception"] = _exception(record.exc_info)
        return json.dumps(said, separators=(",", ":")).replace("\x7f", "\\u007f")


class LineHandler(logging.Handler):
    """Writes each line to a file descriptor in one piece, so that others who write there stand before or after it."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        try:
            left = memoryview(f"{self.format(record)}\n".encode())
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            self.handleError(record)


def log_as_json(about: About = NOTHING, descriptor: int = 1) -> None:
    """From here on this process logs lines of JSON, by default to its output, each with what the process is about;
    Python's warnings too. Called again, the last one holds."""
    handler = LineHandler(descriptor)
    handler.setFormatter(JsonLines(about))
    root = logging.getLogger()
    root.handlers = [each for each in root.handlers if not isinstance(each, LineHandler)] + [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    for chatty in ("py4j", "kafka"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def cut(text: str) -> str:
    """At most `LONGEST` characters: what led to an end stands first or last."""
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]}\n... ({len(text) - LONGEST:,} characters left out)\n{text[-half:]}"


def _message(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except Exception:  # arguments that do not fit are the caller's fault, and no reason to lose the line
        message = f"{record.msg} {record.args}"
    return f"{message}\n{record.stack_info}" if record.stack_info else message


def _exception(info: ExcInfo) -> dict[str, str]:
    kind, error, where = info
    assert kind is not None
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return {"class": name, "trace": cut("".join(traceback.format_exception(kind, error, where)).rstrip("\n"))}
