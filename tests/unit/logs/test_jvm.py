from __future__ import annotations

import json
from pathlib import Path

from tideline.logs.context import About
from tideline.logs.jvm import log4j_config, log4j_option


def test_what_the_jvm_logs_says_whose_it_is() -> None:
    lines = dict(line.split(" = ", 1) for line in log4j_config(About("orders", 1, 3)).splitlines())
    template = json.loads(lines["appender.console.layout.eventTemplate"])
    assert list(template) == ["ts", "level", "logger", "message", "stream", "generation", "epoch", "batch", "exception"]
    assert (template["stream"], template["generation"], template["epoch"]) == ("orders", 1, 3)


def test_a_place_with_blanks_and_commas_is_one_file() -> None:
    option = log4j_option(Path("/a b,c/log4j2.properties"))
    assert option.startswith('"-Dlog4j2.configurationFile=file:///a%20b%2Cc/log4j2.properties"')
