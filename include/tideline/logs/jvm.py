"""The configuration that makes a driver's JVM log as its Python does: for log4j, of which Spark brings the JSON layout.

The levels are those of Spark's own defaults.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tideline.logs.context import About
from tideline.logs.format import LONGEST

BATCH_KEY: Final = "mdc.batch"
"""In log4j's context, and as a local property of Spark's, which hands on to its tasks what begins with `mdc.`."""
_LEVELS: Final = "%level{WARN=WARNING, FATAL=CRITICAL, TRACE=DEBUG}"
_UTC: Final = {"format": "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "timeZone": "UTC", "locale": "en_US"}
_QUIET: Final = {
    "org.sparkproject.jetty": "warn",
    "org.sparkproject.jetty.util.component.AbstractLifeCycle": "error",
    "org.apache.hadoop.hive.metastore.RetryingHMSHandler": "fatal",
    "org.apache.hadoop.hive.metastore.ObjectStore": "fatal",
    "org.apache.parquet.CorruptStatistics": "error",
    "parquet.CorruptStatistics": "error",
}
_LONG_LINES: Final = "-Dlog4j.encoder.byteBufferSize=65536"
"""Up to what a pipe takes as a whole a line is written in one piece, so that none of Python's stands within it. Each
thread that logs has such a buffer."""


def log4j_option(config: Path) -> str:
    """The option that names the file, quoted for Spark; as a URI, in which no comma can part two files."""
    return f'"-Dlog4j2.configurationFile={config.as_uri()}" {_LONG_LINES}'


def log4j_config(about: About) -> str:
    """The text of a properties file."""
    lines = {
        "rootLogger.level": "info",
        "rootLogger.appenderRef.stdout.ref": "console",
        "appender.console.type": "Console",
        "appender.console.name": "console",
        "appender.console.target": "SYSTEM_ERR",
        "appender.console.layout.type": "JsonTemplateLayout",
        "appender.console.layout.maxStringLength": str(LONGEST),
        "appender.console.layout.recyclerFactory": "queue:capacity=4",  # else each thread keeps buffers of that length
        "appender.console.layout.eventTemplate": json.dumps(_template(about)),
    }
    for number, (name, level) in enumerate(_QUIET.items()):
        lines |= {f"logger.quiet{number}.name": name, f"logger.quiet{number}.level": level}
    return "".join(f"{key} = {value}\n" for key, value in lines.items())


def _template(about: About) -> dict[str, Any]:
    return {
        "ts": {"$resolver": "timestamp", "pattern": _UTC},
        "level": {"$resolver": "pattern", "pattern": _LEVELS},
        "logger": {"$resolver": "logger", "field": "name"},
        "message": {"$resolver": "message", "stringified": True},
        **about.known(),
        "batch": {"$resolver": "mdc", "key": BATCH_KEY},
        "exception": {
            "class": {"$resolver": "exception", "field": "className"},
            "trace": {"$resolver": "exception", "field": "stackTrace", "stackTrace": {"stringified": True}},
        },
    }
