"""A source's records in SQL: a row each, an event or a reject with a reason.

Reads the view `records(partition, "offset", timestamp, value)` and yields `_partition`, `_offset`, `_recorded` (Kafka's
time in us), `_value` (a reject's bytes), `_reason` (null for an event), `_t` (event time in us) and the format's
columns: no name that a spec may give a column begins with an underscore.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from tideline.engine.access_format import access_events
from tideline.engine.json_format import LARGEST, json_events
from tideline.records import LONGEST
from tideline.spec.model import Source

_BEGINS_WITH_BRACE: Final = (
    "case when starts_with(text, '{') then true else starts_with(ltrim(text, E' \\t\\r\\n'), '{') end"
)

# An event lies in the years 1000 to 8999, so that its windows lie in those that every reader knows; what has no time
# is often given the first moment of the year 1.
_FIRST_US: Final = -30_610_224_000_000_000
_END_US: Final = 221_845_392_000_000_000


def events_sql(source: Source, used: Container[str] | None = None) -> str:
    """The `select`; its parameter `$max_future_us` is how far an event may lie ahead of Kafka's time.

    Texts that are not `used` may be null, by default all are.
    """
    form = source.read_as
    is_json = _BEGINS_WITH_BRACE if form.line and form.reads_json else str(form.reads_json)
    nulls = ", ".join(f'null::{kind} as "{name}"' for name, kind in form.columns.items())
    branches = [
        f"""select _partition, _offset, _recorded, _value,
              case when _value is null then 'null_value' when octet_length(_value) > {LONGEST} then 'too_long'
                else 'not_utf8' end as _reason, null::bigint as _t, {nulls}
            from texts where text is null"""
    ]
    if form.reads_json:
        texts = "(select * from texts where text is not null and is_json)"
        said = form.columns if used is None else used
        branches.append(json_events(form.columns, source.event_time, texts, said, source.fields))
    if form.line:
        branches.append(access_events(form.line, "(select * from texts where text is not null and not is_json)"))
    derived = "".join(f', {_bounded(sql)} as "{name}"' for name, sql in source.derived.items())
    return f"""
      with texts as materialized (
        select *, text is not null and {is_json} as is_json
        from (select partition as _partition, "offset" as _offset, epoch_us("timestamp") as _recorded, value as _value,
                case when octet_length(value) <= {LONGEST} then try(decode(value)) end as text
              from records)),
      rows as ({" union all by name ".join(branches)})
      select * replace (case when _reason is not null then _value end as _value){derived}
      from (select * replace (
              coalesce(_reason, case when _t > _recorded + $max_future_us then 'future_event'
                when _t < {_FIRST_US} or _t >= {_END_US} then 'bad_{source.event_time}' end) as _reason)
            from rows)"""


def _bounded(sql: str) -> str:
    """An expression's value; null where it fails, and where it is a number too large for sums of squares."""
    value = f"try(({sql}))"
    is_number = f"typeof({value}) in ('INTEGER', 'DECIMAL(18,6)')"
    return f"(case when {is_number} and abs(try_cast({value} as double)) >= {LARGEST} then null else {value} end)"
