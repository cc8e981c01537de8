"""The shape of a stream spec. Times are whole milliseconds once read; see `load` for files and their errors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from math import gcd
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from tideline.durations import format_duration
from tideline.isolation import Isolation
from tideline.spec.detectors import Detector
from tideline.spec.exporter import Exporter
from tideline.spec.feeds import Feed, Files, Rate, Socket
from tideline.spec.field_paths import FieldPath
from tideline.spec.measures import Measure, parse_measure
from tideline.spec.own_settings import MetricsSetting, Setting, SettingValue
from tideline.spec.parts import TOPIC, Column, Duration, Model, Name, Whole
from tideline.spec.schema import JSON, RATE, ColumnType, Format, format_of
from tideline.spec.sinks import Sink

TABLE_NAMES = frozenset(
    {"parts", "corrections", "overrides", "late_events", "late_alerts", "rejects", "anomalies", "unrecoverable", "held"}
)
RESERVED = frozenset(
    {"window_start", "window_end", "key", "hour", "events", "is_open", "is_cut", "revision", "as_of", "part_version"}
)
RECONCILE_SCHEDULE_MS: Final = 600_000
"""How often Airflow looks for late data: a stream is taken every time, or every second, third and so on."""

SPARK_ABOVE: Final = 1_000_000
"""A reconciliation that has more records to read is a Spark job: its start then costs less than it saves."""

FEEDS: Final = frozenset({"files", "rate", "socket"})
"""The keys of a source that say where the driver takes the topic's records from; at most one of them."""

_PACE: Final = frozenset({"partitions", "max_offsets_per_trigger", "starting_offsets"})
"""The keys of a source by which no number of a generation that has begun changes."""


def _offsets(value: object) -> object:
    """Says once what is wrong, where the two forms would each say that they are not it. JSON's keys are texts."""
    if value in ("earliest", "latest"):
        return value
    if isinstance(value, dict) and value and all(_is_offset(*each) for each in value.items()):
        return {int(partition): at for partition, at in value.items()}
    raise ValueError("no starting offsets: write earliest, latest or an offset for each partition: {0: 1200, 1: 900}")


def _is_offset(partition: object, at: object) -> bool:
    return str(partition).isdecimal() and type(at) is int and 0 <= at < 2**63


StartingOffsets = Annotated[Literal["earliest", "latest"] | dict[int, int], BeforeValidator(_offsets)]


class Source(Model):
    """The Kafka topic a stream reads, and how its records are to be read.

    `columns` declares those of the format json, `fields` says from which field one is read that is called otherwise,
    `derived` adds columns that are SQL over them. With `files`, `rate` or `socket` the driver fills the topic itself.
    """

    topic: Annotated[str, Field(pattern=TOPIC)]
    format: Literal["log", "json-log", "apache-common", "apache-combined", "nginx", "user-event", "rate", "json"] = (
        "log"
    )
    columns: dict[Column, Literal["text", "number", "integer", "boolean", "timestamp"]] = Field(default={})
    fields: dict[str, FieldPath] = Field(default={})
    event_time: Column = "timestamp"
    derived: dict[Column, str] = Field(default={})
    isolation: Isolation = "read_committed"
    partitions: Annotated[Whole, Field(ge=1, le=1000)] = 3
    max_future: Duration = 3_600_000
    max_offsets_per_trigger: Annotated[Whole, Field(ge=1)] = 200_000
    starting_offsets: StartingOffsets = "earliest"
    files: Files | None = None
    rate: Rate | None = None
    socket: Socket | None = None

    @property
    def feed(self) -> Feed | None:
        """Where the driver takes the topic's records from; None where producers send them."""
        return self.files or self.rate or self.socket

    @property
    def read_as(self) -> Format:
        """How a record is read, and the columns that it has then."""
        return format_of(self.format, self.columns)

    @model_validator(mode="after")
    def _has_one_feed(self) -> Source:
        feeds = [name for name in sorted(FEEDS) if getattr(self, name) is not None]
        if len(feeds) > 1:
            raise ValueError(f"{' and '.join(feeds)} feed one topic: leave all but one out")
        if feeds and self.isolation != "read_committed":
            raise ValueError(f"what {feeds[0]} sends is whole only once it is committed: leave the isolation out")
        if feeds and self.starting_offsets != "earliest":
            raise ValueError(f"what {feeds[0]} sends is all read: leave starting_offsets out")
        if self.rate is not None and self.format != RATE:
            raise ValueError(f"a rate is not of the format {self.format}: write `format: rate`")
        return self

    @model_validator(mode="after")
    def _has_an_event_time(self) -> Source:
        if bool(self.columns) != (self.format == JSON):
            needs = "needs its columns" if self.format == JSON else "has columns of its own"
            raise ValueError(f"format {self.format} {needs}: columns go with `format: json`")
        if self.fields.keys() - self.columns.keys():
            undeclared = ", ".join(sorted(self.fields.keys() - self.columns.keys()))
            raise ValueError(f"fields of columns that are not declared: {undeclared}")
        columns = self.read_as.columns
        if columns.get(self.event_time) is not ColumnType.TIMESTAMP:
            times = ", ".join(name for name, kind in columns.items() if kind is ColumnType.TIMESTAMP) or "none"
            raise ValueError(f"event_time '{self.event_time}' is no timestamp of the format: timestamps are {times}")
        doubled = sorted(columns.keys() & self.derived.keys())
        if doubled:
            raise ValueError(f"derived columns that the records have already: {', '.join(doubled)}")
        return self


class Metric(Model):
    """One table: windows of event time, grouped by keys, with measures and columns derived from them.

    `where` is a condition in SQL: events for which it is not true do not count here.
    """

    window: Annotated[Duration, Field(gt=0)]
    slide: Annotated[Duration, Field(gt=0)] | None = None
    watermark: Duration | None = None
    where: str | None = None
    keys: tuple[Column, ...] = ()
    measures: dict[Column, str] = Field(min_length=1)
    derived: dict[Column, str] = Field(default={})

    @property
    def slide_ms(self) -> int:
        return self.slide or self.window

    @property
    def pane_ms(self) -> int:
        """The longest stretch of event time whose events share all windows of the metric."""
        return gcd(self.window, self.slide_ms)

    def parsed(self) -> dict[str, Measure]:
        """The measures by the column they become."""
        return {column: parse_measure(text) for column, text in self.measures.items()}

    @model_validator(mode="after")
    def _columns_are_distinct(self) -> Metric:
        if self.slide_ms > self.window:
            raise ValueError("the slide is longer than the window: events between two windows would be in none")
        columns = [*self.keys, *self.measures, *self.derived]
        doubled = {column for column in columns if columns.count(column) > 1 or column in RESERVED}
        if doubled:
            raise ValueError(f"columns stand twice or are reserved: {', '.join(sorted(doubled))}")
        return self


def _whole_schedules(every_ms: int) -> int:
    if every_ms % RECONCILE_SCHEDULE_MS:
        asked, schedule = format_duration(every_ms), format_duration(RECONCILE_SCHEDULE_MS)
        raise ValueError(f"late data is looked for every {schedule}, not {asked}: write a multiple of {schedule}")
    return every_ms


class LateAlert(Model):
    """When a key's late events are told: more than so many of them within one stretch of event time."""

    key: Column
    more_than: Annotated[Whole, Field(ge=0)]
    within: Annotated[Duration, Field(gt=0)]


class LateData(Model):
    """How often dropped events are looked for and their windows corrected, and when they raise an alert.

    Events that no window lost are sent on to `on_time_topic`. `spark_above`: with more records to read, Spark does it.
    """

    reconcile: Annotated[Duration, Field(gt=0), AfterValidator(_whole_schedules)] = RECONCILE_SCHEDULE_MS
    alert: LateAlert | None = None
    on_time_topic: Annotated[str, Field(pattern=TOPIC)] | None = None
    spark_above: Annotated[Whole, Field(ge=0)] = SPARK_ABOVE


class Health(Model):
    """When a running stream is no longer well: see docs/operation.md. Percentages are whole numbers."""

    stable_batches: Annotated[Whole, Field(ge=1)] = 3
    stable_idle_triggers: Annotated[Whole, Field(ge=1)] = 3
    hung_after: Duration = 60_000
    start_within: Duration = 120_000
    heartbeat_lost_after: Annotated[Duration, Field(ge=5_000)] = 15_000  # a driver tells every two seconds
    backlog_from: Annotated[Whole, Field(ge=0)] = 1_000
    backlog_rise: Annotated[Whole, Field(ge=1)] = 10
    watermark_stalled_after: Annotated[Duration, Field(gt=0)] = 900_000
    slow_batch: Annotated[Duration, Field(gt=0)] = 5_000
    retention_warn: Annotated[Whole, Field(ge=1, le=100)] = 50
    retention_page: Annotated[Whole, Field(ge=1, le=100)] = 80


class Restart(Model):
    """How a lost driver is started again."""

    backoff: Duration = 5_000
    backoff_max: Duration = 300_000
    failures_in_10_minutes: Annotated[Whole, Field(ge=1)] = 4
    failures_in_an_hour: Annotated[Whole, Field(ge=1)] = 5

    @model_validator(mode="after")
    def _backs_off(self) -> Restart:
        if self.backoff_max < self.backoff:
            longest, first = format_duration(self.backoff_max), format_duration(self.backoff)
            raise ValueError(f"the longest backoff, {longest}, is shorter than the first: write {first} or more")
        return self


_LEAST_MEMORY_MB: Final = 512
"""Spark asks for one and a half times what it reserves, 300 MB, and a JVM has a little less than it is given."""


def _memory(value: object) -> str:
    """In lower case, as it goes to the JVM."""
    if not re.fullmatch(r"[0-9]{1,9}[mg]", text := str(value).lower()):
        raise ValueError(f"'{value}' is no amount of memory: write a whole number with m or g, such as 4g or 512m")
    if int(text[:-1]) * (1 if text.endswith("m") else 1024) < _LEAST_MEMORY_MB:
        raise ValueError(f"Spark does not start with {text}: write {_LEAST_MEMORY_MB}m or more")
    return text


class Spark(Model):
    """What the driver is given: its memory and cores, Spark's settings, and files that its code needs."""

    memory: Annotated[str, BeforeValidator(_memory)] = "1g"
    cores: Annotated[Whole, Field(ge=1)] = 2
    shuffle_partitions: Annotated[Whole, Field(ge=1)] = 2
    configuration: dict[Setting, SettingValue] = Field(default={})
    jars: tuple[str, ...] = ()
    py_files: tuple[str, ...] = ()


class MetricsSpark(Spark):
    """What the driver of a stream of metrics is given: its query stands on more settings than a job's."""

    configuration: dict[MetricsSetting, SettingValue] = Field(default={})


class Driven(Model):
    """What every stream says, whatever its driver does: how it is called, kept and started."""

    name: Name
    description: str = ""
    trigger: Duration = 10_000
    health: Health = Health()
    restart: Restart = Restart()
    spark: Spark = Spark()
    exporter: Exporter = Exporter()
    launcher: Literal["local"] = "local"


def _needs(metrics: dict[str, Metric], watermark: int, late_data: LateData) -> Iterator[tuple[int, str]]:
    """How long (ms) what the tables are made of is needed at least, and what for."""
    for name, metric in metrics.items():
        delay = watermark if metric.watermark is None else metric.watermark
        yield metric.window + delay, f"a window of {name}, with its watermark delay,"
    yield late_data.reconcile, "the time from one reconciliation to the next"
    if late_data.alert is not None:
        yield late_data.alert.within, "what late_data.alert counts within"


class StreamSpec(Driven):
    """A stream of metrics: one topic in, one table a metric out.

    `keep`: how long what the tables are made of is kept behind them; without it for ever.
    """

    source: Source
    watermark: Duration
    metrics: Annotated[dict[Column, Metric], Field(min_length=1)]
    detectors: dict[Column, Detector] = Field(default={})
    late_data: LateData = LateData()
    keep: Annotated[Duration, Field(gt=0)] | None = None
    sinks: tuple[Sink, ...] = ()
    spark: MetricsSpark = MetricsSpark()

    @field_validator("keep")
    @classmethod
    def _is_longer_than_what_is_needed(cls, keep: int | None, info: ValidationInfo) -> int | None:
        known = info.data
        if keep is None or not {"metrics", "watermark", "late_data"} <= known.keys():
            return keep
        needed, what = max(_needs(known["metrics"], known["watermark"], known["late_data"]))
        if keep <= needed:
            raise ValueError(
                f"{format_duration(keep)} is too short: {what} takes {format_duration(needed)}, and what is kept must "
                "last longer"
            )
        return keep

    @property
    def topic(self) -> str:
        return self.source.topic

    def delay_ms(self, metric: str) -> int:
        """The watermark delay of a metric, its own or the stream's."""
        own = self.metrics[metric].watermark
        return self.watermark if own is None else own

    @property
    def smallest_delay_ms(self) -> int:
        """The delay Spark is given; `drop_at` adds each metric's difference to it."""
        return min(self.delay_ms(metric) for metric in self.metrics)

    def fingerprint(self) -> str:
        """Changes when the numbers could: source, watermark and metrics, in 16 hex digits."""
        unsaid = {*FEEDS, *_PACE} if self.source.fields else {*FEEDS, *_PACE, "fields"}
        what = self.model_dump_json(include={"source", "watermark", "metrics"}, exclude={"source": unsaid})
        return hashlib.sha256(what.encode()).hexdigest()[:16]
