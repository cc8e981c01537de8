"""Where the web server shows what of a stream: its page, its driver's Spark UI and log, its checkpoint, Data Docs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from airflow.sdk import BaseOperator, BaseOperatorLink, conf

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX: Final = "/tideline"
DATA_DOCS: Final = "/data-docs"
STREAMS: Final = "/streams"
SPARK_UI, DRIVER_LOG, CHECKPOINT = "spark-ui", "driver-log", "checkpoint"
STATIC: Final = "/static"
PARTS: Final = "/parts"
NAVIGATION: Final = {
    "name": "Streams",
    "href": f"{PREFIX}{STREAMS}".removeprefix("/"),
    "destination": "nav",
    "url_route": "streams",
    "nav_top_level": True,
}
"""The page in Airflow's navigation. Its address is relative: Airflow's pages have a base, also under a sub-path. It has
no icon of its own: Airflow shows such icons without a text for those who see none."""


def streams_url() -> str:
    """Of the page of all streams."""
    return f"{_app_url()}{STREAMS}"


def stream_url(stream: str, part: str = "") -> str:
    """Of a stream's page, or of one of its parts."""
    return "/".join(word for word in (streams_url(), quote(stream, safe=""), part) if word)


def data_docs_url(stream: str, page: str) -> str:
    """Of a page of a stream's Data Docs."""
    return f"{_app_url()}{DATA_DOCS}/{stream}/{page}"


def _app_url() -> str:
    return f"{conf.get('api', 'base_url', fallback='').rstrip('/')}{PREFIX}"


class StreamLink(BaseOperatorLink):
    """A page about the stream of the task, which stays the same whichever driver the stream has."""

    name = "Stream"
    part = ""

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        return stream_url(operator.stream, self.part)  # type: ignore[attr-defined]


class SparkUi(StreamLink):
    """The Spark UI of the stream's driver."""

    part = SPARK_UI
    name = "Spark UI"


class DriverLog(StreamLink):
    """The end of the log of the stream's driver."""

    part = DRIVER_LOG
    name = "Driver log"


class CheckpointLink(StreamLink):
    """How far the stream's checkpoint has come."""

    part = CHECKPOINT
    name = "Checkpoint"


STREAM_LINKS: Sequence[BaseOperatorLink] = (StreamLink(), SparkUi(), DriverLog(), CheckpointLink())
