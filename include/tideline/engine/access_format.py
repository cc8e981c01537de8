"""Access-log lines of Apache and nginx in SQL: each becomes a row of log events, or a reject with a reason.

Every regular expression runs in linear time, and nothing raises on bad input.
"""

from __future__ import annotations

from typing import Final

from tideline.engine.json_format import LARGEST, YEARS
from tideline.spec.schema import Line

_QUOTED: Final = r'"((?:[^"\\]|\\.)*)"'
_COMMON: Final = rf"(\S+) (\S+) (\S+) \[([^\]]*)\] {_QUOTED} (\d{{3}}|-) (\d+|-)"
# The forms agree up to the size. What follows it is not read, so a cut-off user agent costs nothing where any will do.
_REST: Final = {
    Line.ANY: r"(?:\s.*)?",
    Line.COMMON: r"\s*",
    Line.COMBINED: rf" {_QUOTED} {_QUOTED}\s*",
    Line.NGINX: rf" {_QUOTED} {_QUOTED}(?: (\d{{1,9}}(?:\.\d{{1,6}})?))?\s*",
}
_TIME: Final = r"\d{2}/[A-Za-z]{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]([01]\d|2[0-3])[0-5]\d"
_GROUPS: Final = ["client", "ident", "user", "time", "request", "status", "size"]


def access_events(line: Line, source: str) -> str:
    """Rows of events from `source` (text and the places of its records), in any order.

    `service` is the first segment of the path; nginx may put the request's time in seconds at the end.
    """
    rest = ["referer", "agent", "seconds"] if line is Line.NGINX else []
    groups = ", ".join(f"'{name}'" for name in [*_GROUPS, *rest])
    seconds = "try_cast(_x.seconds as decimal(18, 6))" if rest else "null::decimal(18, 6)"
    pattern = f"(?s)^{_COMMON}{_REST[line]}$"
    return f"""
      select _partition, _offset, _recorded, _value,
        case when _x.client = '' then 'malformed_line' when timestamp is null then 'bad_timestamp' end as _reason,
        epoch_us(timestamp) as _t, timestamp,
        null::varchar as level,
        case when _path like '/%' then coalesce(nullif(regexp_extract(_path, '^/+([^/]*)', 1), ''), '/') end as service,
        _x.request as message, _x.client as ip_address, nullif(_x.user, '-') as user_id,
        null::varchar as request_id,
        case when {seconds} < {LARGEST} then {seconds} end as response_time,
        try_cast(_x.status as integer) as status_code, null::varchar as error_code
      from (
        select *,
          make_timestamptz(case when _read {YEARS} then _read end) as timestamp,
          regexp_replace(regexp_replace(regexp_extract(_x.request, '^\\S+ +(\\S+)', 1),
                                        '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*', ''), '[?#].*$', '') as _path
        from (
          select *, case when regexp_full_match(_x.time, '{_TIME}')
                         then epoch_us(try_strptime(_x.time, '%d/%b/%Y:%H:%M:%S %z')) end as _read
          from (select *, regexp_extract(text, '{pattern}', [{groups}]) as _x from {source})))"""
