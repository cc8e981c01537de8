"""The `log` format in SQL: JSON logs and access lines become one row of events, or a reject with a reason.

Numbers never pass through DOUBLE, every regular expression runs in linear time, and nothing raises on bad input.
Reads the view `records(partition, "offset", timestamp, value)`; `EVENTS` yields a row a record, in any order.
"""

from __future__ import annotations

TEXT_COLUMNS = ("level", "service", "message", "ip_address", "user_id", "request_id", "error_code")
MAX_RESPONSE_TIME_S = 1_000_000_000

# DuckDB's JSON reader takes NaN, Infinity and trailing commas, RFC 8259 does not: what looks like one of them
# is looked at again with its strings taken out.
_LENIENT = r"""(?i)\b(?:nan|inf|infinity)\b|,\s*[}\]]"""
_STRINGS = r'''"(?:[^"\\]|\\.)*"'''
_STRICT_JSON = f"""json_valid(text) and not (regexp_matches(text, '{_LENIENT}')
    and regexp_matches(regexp_replace(text, '{_STRINGS}', '""', 'g'), '{_LENIENT}'))"""

_RFC_3339 = r"\d{4}-\d{2}-\d{2}[T ]([01]\d|2[0-3]):\d{2}:\d{2}(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?"
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
# Common and combined lines agree up to the size; what follows it is not read, so a cut-off user agent costs nothing.
_ACCESS = rf"(?s)^(\S+) (\S+) (\S+) \[([^\]]*)\] {_QUOTED} (\d{{3}}|-) (\d+|-)(?:\s.*)?$"
_ACCESS_TIME = r"\d{2}/[A-Za-z]{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]([01]\d|2[0-3])[0-5]\d"
_ACCESS_GROUPS = "['client', 'ident', 'user', 'time', 'request', 'status', 'size']"

_JSON_FIELDS = ("timestamp", "response_time", "status_code", *TEXT_COLUMNS)
_JSON_TYPES = {"response_time": "DECIMAL(38,24)", "status_code": "BIGINT"}
_STRUCTURE = "{" + ", ".join(f'"{f}": "{_JSON_TYPES.get(f, "VARCHAR")}"' for f in _JSON_FIELDS) + "}"
_PATHS = "[" + ", ".join(f"'$.{field}'" for field in _JSON_FIELDS) + "]"
_YEARS = "between -62135596800000000 and 253402300799999999"


def _kind(field: str) -> str:
    """The JSON type of a field, `NULL` where it is missing."""
    return f"coalesce(kinds[{_JSON_FIELDS.index(field) + 1}], 'NULL')"


_NUMBER = "in ('BIGINT', 'UBIGINT', 'DOUBLE')"
_INTEGER = "in ('BIGINT', 'UBIGINT')"
_BAD_TEXT = "\n".join(f"when {_kind(c)} in ('OBJECT', 'ARRAY') then 'bad_{c}'" for c in TEXT_COLUMNS)

_JSON_EVENTS = f"""
select partition, "offset", recorded, value,
  case when doc is null then 'malformed_json'
       when {_kind("timestamp")} = 'NULL' then 'missing_timestamp'
       when t is null then 'bad_timestamp'
       when {_kind("response_time")} <> 'NULL' and seconds is null then 'bad_response_time'
       when {_kind("status_code")} <> 'NULL' and status_code is null then 'bad_status_code'
       {_BAD_TEXT} end as reason,
  t, seconds as response_time, status_code, {", ".join(f"x.{c}" for c in TEXT_COLUMNS)}
from (
  select *,
    case when {_kind("timestamp")} {_INTEGER} then try_cast(x.timestamp as bigint)
         when {_kind("timestamp")} = 'VARCHAR' and regexp_full_match(upper(x.timestamp), '{_RFC_3339}')
         then epoch_us(try_cast(upper(x.timestamp) as timestamptz)) end as raw_t,
    case when {_kind("timestamp")} {_INTEGER}
         then case when raw_t between -62135596800000 and 253402300799999 then raw_t * 1000 end
         when raw_t {_YEARS} then raw_t end as t,
    case when {_kind("response_time")} {_NUMBER}
         then case when abs(x.response_time) < {MAX_RESPONSE_TIME_S}
                   then cast(round_even(x.response_time, 6) as decimal(18, 6)) end end as seconds,
    case when {_kind("status_code")} {_INTEGER} and x.status_code between 0 and 999
         then cast(x.status_code as integer) end as status_code
  from (
    select *, json_type(doc, {_PATHS}) as kinds, json_transform(doc, '{_STRUCTURE}') as x
    from (select *, case when {_STRICT_JSON} then text end as doc from texts where is_json)))"""

_ACCESS_EVENTS = f"""
select partition, "offset", recorded, value,
  case when x.client = '' then 'malformed_line' when t is null then 'bad_timestamp' end as reason,
  t, null::decimal(18, 6) as response_time, try_cast(x.status as integer) as status_code,
  null as level,
  case when path like '/%' then coalesce(nullif(regexp_extract(path, '^/+([^/]*)', 1), ''), '/') end as service,
  x.request as message, x.client as ip_address, nullif(x.user, '-') as user_id,
  null as request_id, null as error_code
from (
  select *,
    case when regexp_full_match(x.time, '{_ACCESS_TIME}')
         then epoch_us(try_strptime(x.time, '%d/%b/%Y:%H:%M:%S %z')) end as raw_t,
    case when raw_t {_YEARS} then raw_t end as t,
    regexp_replace(regexp_replace(regexp_extract(x.request, '^\\S+ +(\\S+)', 1),
                                  '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*', ''), '[?#].*$', '') as path
  from (select *, regexp_extract(text, '{_ACCESS}', {_ACCESS_GROUPS}) as x
        from texts where not is_json))"""

EVENTS = f"""
with texts as materialized (
  select partition, "offset", epoch_us("timestamp") as recorded, value, try(decode(value)) as text,
         text is not null and starts_with(ltrim(text, E' \\t\\r\\n'), '{{') as is_json
  from records),
rows as (
  select partition, "offset", recorded, value,
    case when value is null then 'null_value' else 'not_utf8' end as reason,
    null::bigint as t, null::decimal(18, 6) as response_time, null::integer as status_code,
    {", ".join(f"null::varchar as {c}" for c in TEXT_COLUMNS)}
  from texts where text is null
  union all by name {_JSON_EVENTS}
  union all by name {_ACCESS_EVENTS.replace("texts where not is_json", "texts where not is_json and text is not null")})
select * replace (coalesce(reason, case when t > recorded + $max_future_us then 'future_event' end) as reason),
  make_timestamptz(t) as timestamp
from rows"""
