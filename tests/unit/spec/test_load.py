"""Specs as files: what is right loads, what is wrong is told with its place."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import BaseModel

from tideline.errors import UserError
from tideline.home import CHECKOUT
from tideline.spec.job import JobSpec
from tideline.spec.load import SpecError, find_spec, load_any_spec, load_spec, parse_spec, spec_names
from tideline.spec.model import StreamSpec
from tideline.spec.model_errors import FORMS
from tideline.spec.notifiers import Notify
from tideline.spec.own_settings import OF_EVERY_DRIVER, OF_METRICS
from tideline.spec.problems import Problem

GOOD = """\
name: shop
source:
  topic: logs
  partitions: 3
watermark: 5 minutes
metrics:
  traffic:
    window: 1 minute
    keys: [service]
    measures:
      requests: count
      errors: count_if(status_code >= 400)
      avg_time: avg(response_time)
      users: count_distinct(user_id)
      places: set(ip_address)
    derived:
      rate: 100.0 * errors / requests
"""


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "shop.yaml")
    return caught.value.problems


def marked(text: str, problem: Problem) -> str:
    """What the caret underlines."""
    line = text.splitlines()[problem.line - 1]
    return line[problem.column - 1 : problem.column - 1 + problem.length]


def require_one_problem(good: str, right: str, wrong: str, underlined: str, message: str, hint: str) -> None:
    """The spec with `wrong` in place of `right` has one problem, and the caret underlines what is wrong."""
    assert right in good
    text = good.replace(right, wrong, 1)
    (problem,) = problems_of(text)
    assert message in problem.message
    assert hint in problem.hint
    assert marked(text, problem) == underlined


def test_a_right_spec_loads() -> None:
    spec = parse_spec(GOOD, "shop.yaml")
    assert (spec.name, spec.watermark, next(iter(spec.metrics["traffic"].measures))) == ("shop", 300_000, "requests")


def test_specs_load_in_several_threads_at_once() -> None:
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(lambda _: parse_spec(GOOD, "shop.yaml").name, range(8)))
    assert loaded == ["shop"] * 8


def test_the_bundled_specs_load() -> None:
    folder = CHECKOUT / "include" / "streams"
    assert [load_any_spec(find_spec(name, folder)).name for name in spec_names(folder)] == spec_names(folder)
    assert "log-metrics" in spec_names(folder)


@pytest.mark.parametrize(
    ("right", "wrong", "underlined", "message", "hint"),
    [
        ("name: shop", "name: shop\ncolour: red", "colour", "unknown key 'colour'", ""),
        ("partitions:", "partitons:", "partitons", "unknown key 'partitons' in source", "did you mean 'partitions'?"),
        ("    keys:", "    keyz:", "keyz", "unknown key 'keyz' in metrics.traffic", "did you mean 'keys'?"),
        ("topic: logs", "format: log", "source", "key 'topic' is missing in source", "such as `topic: logs`"),
        ("5 minutes", "5 minuts", "5 minuts", "'5 minuts' is not a duration", "write a whole number and a unit"),
        ("5 minutes", "-5 minutes", "-5 minutes", "'-5 minutes' is not a duration", "write a whole number"),
        ("5 minutes", "5", "5", "5 is not a duration", "write a whole number and a unit"),
        ("1 minute", "0 minutes", "0 minutes", "this must be more than 0", ""),
        ("1 minute", "1 minute\n    slide: 61 s", "61 s", "the slide is longer than the window, 1 minute", ""),
        ("requests: count\n", "requests: cuont\n", "cuont", "'cuont' is not a measure", "did you mean 'count'?"),
        ("set(ip_address)", "set", "set", "'set' lacks its argument", "write set(COLUMN)"),
        ("count_distinct(user_id)", "count_distinct()", "count_distinct()", "lacks its argument", ""),
        ("requests: count\n", "requests: count(user_id)\n", "count(user_id)", "takes no argument", "write count"),
        ("[service]", "[level, servce]", "servce", "there is no column 'servce'", "did you mean 'service'?"),
        ("avg(response_time)", "avg(respons_time)", "respons_time", "there is no column", "'response_time'?"),
        ("avg(response_time)", "avg(service)", "service", "avg needs a number", "response_time, status_code"),
        ("avg(response_time)", "max(service)", "service", "max needs a number or a time", ""),
        ("status_code >=", "status_cod >=", "status_cod", "there is no column 'status_cod'", "'status_code'?"),
        ("status_code >= 400", "status_code", "count_if(status_code)", "a condition is true or false", "compare"),
        ("status_code >= 400", "true; drop table x", "true; drop table x", "more than one expression", "without ';'"),
        ("status_code >= 400", "(select true)", "(select true)", "a subquery", ""),
        ("status_code >= 400", "getenv('HOME') = 'x'", "getenv", "there is no function 'getenv'", ""),
        ("status_code >= 400", "read_csv('/etc/passwd')", "read_csv", "'read_csv' is not allowed", ""),
        ("status_code >= 400", "random() > 0.5", "random", "'random' is not allowed", ""),
        ("100.0 * errors", "100.0 * erors", "erors", "there is no column 'erors'", "did you mean 'errors'?"),
        ("100.0 * errors", "100.0 * status_code", "status_code", "there is no column 'status_code'", ""),
        ("rate: 100.0", "requests: 100.0", "requests", "column 'requests' stands twice in traffic", ""),
        ("rate: 100.0", "is_open: 100.0", "is_open", "'is_open' is a column that every table has", ""),
        ("rate: 100.0", "end: 100.0", "end", "'end' is a word of SQL", "choose another name"),
        ("rate: 100.0", "'true': 100.0", "'true'", "'true' is a word of SQL", "choose another name"),
        ("places:", "group:", "group", "'group' is a word of SQL", "choose another name"),
        ("places:", "my places:", "my places", "'my places' is not a name", "lower-case"),
        ("[service]", "[service, end]", "end", "there is no column 'end'", ""),
        ("traffic:", "parts:", "parts", "every stream has a table 'parts' of its own", "choose another name"),
        ("status_code >= 400", "repeat(service, 9) = 'x'", "repeat", "the size of its result is boundless", ""),
        (
            "status_code >= 400",
            "service like 'a' escape '$'",
            "like 'a' escape '$'",
            "'like_escape' is not allowed",
            "contains",
        ),
        ("status_code >= 400", "timezone(level, timestamp) is null", "timezone", "must be a constant", "stop"),
        (
            "name: shop",
            "name: shop\nlate_data: {reconcile: 15 minutes}",
            "15 minutes",
            "not 15 minutes",
            "of 10 minutes",
        ),
        ("name: shop", "name: shop\nlate_data: {reconcile: 0 s}", "0 s", "this must be more than 0", ""),
        (
            "name: shop",
            "name: shop\nkeep: 10 minutes",
            "10 minutes",
            "10 minutes is too short",
            "the time from one reconciliation to the next takes 10 minutes",
        ),
        (
            "watermark: 5 minutes",
            "watermark: 2 hours\nkeep: 1 hour",
            "1 hour",
            "1 hour is too short",
            "a window of traffic, with its watermark delay, takes 121 minutes",
        ),
        (
            "name: shop",
            "name: shop\nlate_data: {alert: {key: usr_id, more_than: 5, within: 1 hour}}",
            "usr_id",
            "there is no column 'usr_id'",
            "did you mean 'user_id'?",
        ),
        (
            "name: shop",
            "name: shop\nlate_data: {alert: {key: user_id, more_than: 5}}",
            "alert",
            "key 'within' is missing in late_data.alert",
            "such as `within: 1 hour`",
        ),
        (
            "name: shop",
            "name: shop\nlate_data: {alert: {key: user_id, more_then: 5, more_than: 5, within: 1 hour}}",
            "more_then",
            "unknown key 'more_then' in late_data.alert",
            "did you mean 'more_than'?",
        ),
        (
            "name: shop",
            "name: shop\nlate_data: {alert: {key: user_id, more_than: -1, within: 1 hour}}",
            "-1",
            "-1 is out of bounds",
            "write at least 0",
        ),
        (
            "name: shop",
            "name: shop\nlate_data: {alert: {key: user_id, more_than: 5, within: 60}}",
            "60",
            "60 is not a duration",
            "write a whole number and a unit",
        ),
        (
            "traffic:",
            "late_alerts:",
            "late_alerts",
            "every stream has a table 'late_alerts' of its own",
            "another name",
        ),
        ("watermark:", "name: shop\nwatermark:", "name", "key 'name' stands twice", "the first is in line 1"),
        ("  traffic:", "  Traffic:", "Traffic", "'Traffic' is not a name", "lower-case"),
        ("topic: logs", "topic: a b", "a b", "'a b' is no name for a topic", "use letters, digits, '.', - and _"),
        ("name: shop", "name: My Shop", "My Shop", "'My Shop' is not a name", "letters, digits, - and _, all lower"),
        ("partitions: 3", "event_time: createdAt", "createdAt", "'createdAt' is not a name", "all lower-case"),
        ("partitions: 3", "format: nginxx", "nginxx", "'nginxx' is not known here", "did you mean 'nginx'?"),
        ("name: shop", "name: shop\ndescription: no", "no", "this must be a text, not false", "put it in quotes"),
        ("1 minute", "1m30s", "1m30s", "'1m30s' is not a duration", "a unit of ms, s, min, h or d"),
        ("requests: count\n", "requests: COUNT\n", "COUNT", "'COUNT' is not a measure", "did you mean 'count'?"),
        ("avg(response_time)", "AVG(response_time)", "AVG(response_time)", "'AVG' is not", "did you mean 'avg'?"),
        (
            "avg(response_time)",
            "avg(response_time * 1000)",
            "response_time * 1000",
            "a measure takes one column",
            "put the expression under source.derived",
        ),
        ("count_distinct(user_id)", "count_distinct(user_id, level)", "user_id, level", "takes one column", "derived"),
        (
            "requests: count\n",
            "200: count\n      requests: count\n",
            "200",
            "the key 200 is a number, not a text",
            "begin a name with",
        ),
        (
            "requests: count\n",
            "on: count\n      requests: count\n",
            "on",
            "the key on is true or false to YAML",
            "put quotes around it",
        ),
        ("topic: logs", "topic: logs\n  5: logs", "5", "the key 5 is a number", "begin a name with a letter"),
        (
            "    derived:\n      rate: 100.0 * errors / requests",
            "    derived: {rate: round(errors / requests, 2)}",
            "2)",
            "'2)' is a key without a value",
            "put quotes around one that holds a comma",
        ),
        (
            "  topic: logs\n  partitions: 3",
            "  {topic:logs}",
            "topic:logs",
            "a key without a value",
            "a colon and a space",
        ),
        (
            "1 minute",
            "1 day\n    slide: 1 ms",
            "1 ms",
            "each event would be in 86,400,000 windows: at most 10,000 are allowed",
            "write a slide of 9 seconds or more",
        ),
        ("1 minute", "100001 ms\n    slide: 10 ms", "10 ms", "in 10,001 windows", "write a slide of 11 milliseconds"),
        ("name: shop", "name: shop\nspark: {memory: 4gb}", "4gb", "'4gb' is no amount of memory", "4g or 512m"),
        ("name: shop", "name: shop\nspark: {memory: 4}", "4", "'4' is no amount of memory", "4g or 512m"),
        (
            "name: shop",
            "name: shop\nspark: {configuration: {sql.ansi.enabled: false}}",
            "sql.ansi.enabled",
            "'sql.ansi.enabled' is no setting of Spark",
            "they begin with spark.",
        ),
        (
            "name: shop",
            "name: shop\nspark: {configuration: {spark.jars.packages: 'a:b:1'}}",
            "spark.jars.packages",
            "a driver's start fetches nothing",
            "put files under `jars:`",
        ),
        (
            "name: shop",
            "name: shop\nspark: {configuration: {spark.submit.pyFiles: a.py}}",
            "spark.submit.pyFiles",
            "spark.submit.pyFiles is set by Tideline",
            "write `py_files:` under spark",
        ),
        ("name: shop", "name: shop\nlauncher: moon", "moon", "'moon' is not known here", "write 'local'"),
        ("name: shop", "name: shop\nspark: {cores: two}", "two", "this must be a whole number, not 'two'", ""),
        ("name: shop", "name: shop\nspark: {cores: 0}", "0", "0 is out of bounds", "write at least 1"),
        ("name: shop", "name: shop\nspark: {cores: true}", "true", "this must be a whole number, not true", ""),
        ("name: shop", "name: shop\nspark: {memory: 300m}", "300m", "Spark does not start with 300m", "write 512m"),
        (
            "name: shop",
            "name: shop\nspark: {configuration: {spark.a: 1.10}}",
            "1.10",
            "YAML reads 1.10 as 1.1",
            "put quotes around it",
        ),
        (
            "name: shop",
            "name: shop\nhealth: {stable_batches: 9223372036854775808}",
            "9223372036854775808",
            "is out of bounds",
            "write at most 9223372036854775807",
        ),
        ("name: shop", "name: shop\ntrigger: 36501 days", "36501 days", "is too long", "write at most 36500 days"),
        ("name: shop", "name: shop\ntrigger: 99999999999999999999 d", "99999999999999999999 d", "is too long", ""),
        ("name: shop", "name: shop\nrestart: {backoff: 6 min}", "{", "is shorter than the first", "write 6 minutes"),
        (
            "topic: logs",
            "topic: logs\n  starting_offsets: {0: -5}",
            "{",
            "no starting offsets",
            "write earliest, latest or an offset for each partition",
        ),
        ("topic: logs", "topic: logs\n  starting_offsets: newest", "newest", "no starting offsets", "latest"),
        ("topic: logs", "topic: logs\n  files: {path: 's3://b/x'}", "'s3://b/x'", "is no folder of this machine", ""),
        (
            "topic: logs",
            "topic: logs\n  socket: {host: 'http://x', port: 99}",
            "'http://x'",
            "'http://x' is no host",
            "alone",
        ),
        (
            "name: shop",
            "name: shop\nsinks: [{to: console, topic: x}]",
            "topic",
            "unknown key 'topic' in sinks.0",
            "it goes with `to: kafka`",
        ),
        ("name: shop", "name: shop\nsinks: {to: console}", "{", "this must be a list", ""),
        (
            "status_code >= 400",
            "status_code = 500 or 502",
            "502",
            "take what is true or false, this is INTEGER",
            "`a in (1, 2)`",
        ),
        (
            "status_code >= 400",
            "status_code = null",
            "status_code = null",
            "nothing compares with null",
            "IS NULL",
        ),
        ("avg(response_time)", "sum(nothing)", "nothing", "there is no column 'nothing'", ""),
        ("    keys:", "    where: ''\n    keys:", "''", "the condition is empty", "leave it out"),
        (
            "    keys:",
            "    where: \"level = 'ERROR' -- all\"\n    keys:",
            "--",
            "a comment of SQL has no place here",
            "after a #",
        ),
        (
            "    keys:",
            "    where: ip_address::inet is null\n    keys:",
            "ip_address::inet is null",
            "by an extension",
            "",
        ),
    ],
)
def test_one_fault_is_one_problem_at_its_place(
    right: str, wrong: str, underlined: str, message: str, hint: str
) -> None:
    require_one_problem(GOOD, right, wrong, underlined, message, hint)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "the file is empty"),
        ("# nothing\n", 1, "the file is empty"),
        ("- shop\n", 1, "a spec is keys with values"),
        ("name: shop\nsource:\n\ttopic: logs\n", 3, "a tab cannot stand here"),
        ("name: shop: x\n", 1, "a second colon in one line"),
        ("name: shop\nx:\t5 minutes\n", 2, "a tab cannot stand here"),
        ("name: shop\nwatermark:5 minutes\nsource: {topic: logs}\n", 2, "there is no space after the colon"),
        ("name:shop\nsource: {topic: logs}\n", 1, "there is no space after the colon"),
        ("name: shop\nx:\n  a: 1\n   b: 2\n", 4, "this line begins further right than those that it belongs to"),
        ("name: shop\nx: {a: b}}\n", 2, "this closes what was not opened"),
        ('name: "shop\nx: y\n', 1, "a quote is opened here and not closed"),
        ("name: shop\nx: 'a' b\n", 2, "this is no part of what stands before it"),
        ("name: shop\nx: 010\n", 2, "YAML reads 010 as 8"),
        ("name: shop\nx: 12:30\n", 2, "YAML reads 12:30 as 750"),
        ("name: shop\nx: 1_000\n", 2, "YAML reads 1_000 as 1000"),
        ("name: shop\nsource\n", 2, "could not find expected ':'"),
        ("name: shop\nx: [a\n", 2, "expected ',' or ']'"),
        ("name: shop\nx: {a: b in ('c', 'd')}\n", 2, "expected ',' or '}'"),
        ("name: shop\n---\nname: b\n", 2, "a second document begins here"),
        ("name: shop\nx: &a [*a]\n", 2, "aliases are not read here"),
        ("name: shop\nx: \x00\n", 2, "has no place in YAML"),
        ("name: " + "[" * 20_000, 1, "nested too deep"),
    ],
)
def test_bad_yaml_is_told_by_line(text: str, line: int, message: str) -> None:
    (problem,) = problems_of(text)
    assert (problem.line, message in problem.message) == (line, True)


def test_a_comma_that_ends_a_value_is_told_to_be_quoted() -> None:
    (problem,) = problems_of("name: shop\nx: {warns: count_if(level in ('WARN', 'ERROR'))}\n")
    assert "put quotes around a value that holds a comma" in problem.hint


@pytest.mark.parametrize("slide", ["100 ms", "9 seconds"])
def test_as_many_windows_as_are_allowed_load(slide: str) -> None:
    window = "1000 seconds" if slide == "100 ms" else "1 day"
    assert parse_spec(GOOD.replace("1 minute", f"{window}\n    slide: {slide}"), "shop.yaml").metrics["traffic"].slide


@pytest.mark.parametrize("memory", ["4g", "4G", "512M"])
def test_memory_is_of_either_case(memory: str) -> None:
    assert parse_spec(f"{GOOD}spark: {{memory: {memory}}}\n", "shop.yaml").spark.memory == memory.lower()


@pytest.mark.parametrize(("written", "read"), [("false", "false"), ("'False'", "False"), ("12", "12"), ("0.5", "0.5")])
def test_a_setting_is_written_as_spark_reads_it(written: str, read: str) -> None:
    spec = parse_spec(f"{GOOD}spark: {{configuration: {{spark.x: {written}}}}}\n", "shop.yaml")
    assert spec.spark.configuration == {"spark.x": read}


@pytest.mark.parametrize("name", sorted(OF_EVERY_DRIVER | OF_METRICS))
def test_what_a_stream_of_metrics_stands_on_is_refused(name: str) -> None:
    (problem,) = problems_of(f"{GOOD}spark: {{configuration: {{{name}: x}}}}\n")
    assert (problem.message, problem.column) == (f"{name} is set by Tideline", 25)


@pytest.mark.parametrize("key", ["jars", "py_files"])
def test_a_file_that_a_driver_would_miss_is_told_at_its_place(tmp_path: Path, key: str) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(f"{GOOD}spark: {{{key}: [jobs/run_stream.py, jobs/run_streem.py]}}\n")
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    (problem,) = caught.value.problems
    assert (problem.message, problem.hint) == (
        "there is no file jobs/run_streem.py",
        "did you mean 'jobs/run_stream.py'?",
    )
    assert marked(path.read_text(), problem) == "jobs/run_streem.py"


def test_the_books_of_a_deployed_stream_are_read_without_its_jars(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(f"{GOOD}spark: {{jars: [lib/gone.jar]}}\n")
    assert load_spec(path).spark.jars == ("lib/gone.jar",)


@pytest.mark.parametrize("model", [StreamSpec, JobSpec, Notify])
def test_each_form_of_a_text_is_told_in_words(model: type[BaseModel]) -> None:
    patterns = set(re.findall(r"'pattern': ('.*?'|\".*?\")", str(model.model_json_schema())))
    assert patterns
    assert {ast.literal_eval(pattern) for pattern in patterns} <= FORMS.keys()


def test_all_problems_of_a_file_are_shown_from_top_to_bottom() -> None:
    text = GOOD.replace("topic:", "topik:").replace("minute\n", "minit\n").replace("errors /", "eror /")
    lines = [problem.line for problem in problems_of(text)]
    assert lines == sorted(lines)
    assert {3, 8, 17} <= set(lines)


def test_a_misspelt_key_is_not_told_as_a_missing_one_too() -> None:
    (problem,) = problems_of(GOOD.replace("watermark:", "watermrk:"))
    assert (problem.message, problem.hint) == ("unknown key 'watermrk'", "did you mean 'watermark'?")


def test_a_problem_reads_like_a_compilers() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(GOOD.replace("keys:", "keyz:"), "include/streams/shop.yaml")
    assert caught.value.message == (
        "include/streams/shop.yaml:9:5: unknown key 'keyz' in metrics.traffic\n"
        "    9 |     keyz: [service]\n"
        "      |     ^^^^\n"
        "   did you mean 'keys'?"
    )


@pytest.mark.parametrize(
    "written",
    ["case when errors > 1 then 2 else nope end", '"case when errors > 1 then 2 else nope end"', "'nope'"],
)
def test_the_caret_finds_a_word_in_quotes_and_folds(written: str) -> None:
    if written == "'nope'":
        written = ">-\n        case when errors > 1\n             then 2 else nope end"
    text = GOOD.replace("100.0 * errors / requests", written)
    (problem,) = problems_of(text)
    assert marked(text, problem) == "nope"


def test_a_file_is_called_like_its_stream(tmp_path: Path) -> None:
    path = tmp_path / "store.yaml"
    path.write_text(GOOD)
    with pytest.raises(SpecError, match="stream 'shop' stands in a file of another name") as caught:
        load_spec(path)
    assert caught.value.problems[0].hint == "call the stream 'store', or the file shop.yaml"


def test_a_deployed_copy_may_be_called_spec(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(GOOD)
    assert load_spec(path).name == "shop"


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(UserError, match="not UTF-8 at byte 9"):
        load_spec(path)


def test_find_spec_takes_a_name_or_a_path(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(GOOD)
    assert find_spec("shop", tmp_path) == path
    assert find_spec(str(path), Path("/nowhere")) == path


@pytest.mark.parametrize(
    ("name", "fix"), [("shpo", "did you mean 'shop'?"), ("weather", "known are shop"), ("no/shop.yaml", "looked for")]
)
def test_find_spec_helps_when_there_is_none(tmp_path: Path, name: str, fix: str) -> None:
    (tmp_path / "shop.yaml").write_text(GOOD)
    with pytest.raises(UserError, match="there is no") as caught:
        find_spec(name, tmp_path)
    assert fix in caught.value.fix


def test_spec_names_are_those_of_the_files(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", "notes.txt", "Not A Name.yaml"):
        (tmp_path / name).write_text("not even YAML: [")
    assert spec_names(tmp_path) == ["a", "b"]


def test_naming_the_specs_imports_nothing_heavy() -> None:
    program = (
        "import sys; from tideline.spec.load import spec_names; spec_names();"
        "print([m for m in ('pydantic', 'yaml', 'duckdb', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


ORDERS = """\
name: orders
source:
  topic: orders
  format: json
  columns: {at: timestamp, id: text, amount: number, items: integer, paid: boolean}
  event_time: at
  derived:
    price: (amount / nullif(items, 0))::decimal(18, 6)
watermark: 5 minutes
metrics:
  sales:
    window: 1 minute
    where: paid and amount > 0
    keys: [id]
    measures:
      n: count
      last: max(at)
      mean: avg(price)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "underlined", "message", "hint"),
    [
        ("at: timestamp", "at: time", "time", "'time' is not known here", "did you mean 'timestamp'?"),
        ("id: text", "id: json", "json", "'json' is not known here", "write 'text'"),
        ("  format: json\n", "", "columns", "format log has columns of its own", "they go with `format: json`"),
        ("event_time: at", "event_time: id", "id", "'id' is no timestamp of the format", "timestamps are at"),
        ("event_time: at", "event_time: att", "att", "there is no column 'att'", "did you mean 'at'?"),
        (
            "(amount / nullif(items, 0))::decimal(18, 6)",
            "amount / item",
            "item",
            "there is no column 'item'",
            "'items'?",
        ),
        (
            "(amount / nullif(items, 0))::decimal(18, 6)",
            "amount / items",
            "amount / items",
            "events cannot hold DOUBLE",
            "cast it",
        ),
        ("    price:", "    paid: id = 'x'\n    price:", "paid", "the records have a column 'paid' already", ""),
        ("paid and amount > 0", "amount", "amount", "a condition is true or false", "compare"),
        ("paid and amount > 0", "payed", "payed", "there is no column 'payed'", "did you mean 'paid'?"),
        ("[id]", "[service]", "service", "there is no column 'service'", ""),
        ("avg(price)", "avg(pric)", "pric", "there is no column 'pric'", "'price'?"),
        ("max(at)", "sum(at)", "at", "sum needs a number", "amount, items, price"),
    ],
)
def test_a_fault_of_a_source_is_one_problem_at_its_place(
    right: str, wrong: str, underlined: str, message: str, hint: str
) -> None:
    assert parse_spec(ORDERS, "orders.yaml").source.read_as.columns.keys() == {"at", "id", "amount", "items", "paid"}
    require_one_problem(ORDERS, right, wrong, underlined, message, hint)


OTHER_FIELDS = ORDERS.replace(
    "  event_time: at\n", '  fields: {at: createdAt, id: order.shop.id, amount: [order, "net.sum"]}\n  event_time: at\n'
)


@pytest.mark.parametrize(
    ("right", "wrong", "underlined", "message", "hint"),
    [
        ("at: createdAt", "att: createdAt", "att", "there is no column 'att'", "did you mean 'at'?"),
        ("at: createdAt", "createdAt: at", "createdAt", "there is no column 'createdAt'", "first: `at: createdAt`"),
        ("at: createdAt", "price: createdAt", "price", "there is no column 'price'", "columns are amount, at"),
        ("at: createdAt", "5: createdAt", "5", "the key 5 is a number", "begin a name with a letter"),
        ("createdAt", "$.created", "$.created", "'$.created' is no path of names", "such as customer.shop.name"),
        ("createdAt", "/created/at", "/created/at", "'/created/at' is no path of names", "names with dots between"),
        ("createdAt", "'items[0].at'", "'items[0].at'", "'items[0].at' is no path of names", "names with dots between"),
        ("createdAt", "created at", "created at", "'created at' is no path of names", 'a list, such as [customer, "'),
        ("createdAt", "created..at", "created..at", "'created..at' is no path of names", "names with dots between"),
        ("createdAt", "''", "''", "'' is no path of names", "names with dots between"),
        ("createdAt", "[]", "[", "a field must have a name", "an empty one cannot be read"),
        ("createdAt", "[created, '']", "[", "a field must have a name", "an empty one cannot be read"),
        ("createdAt", "[created, 5]", "5", "this must be a text, not 5", "put it in quotes"),
        ("createdAt", "5", "5", "this is no path of names", "write a text, such as customer.shop.name, or a list"),
        ("createdAt", "{created: at}", "{", "this is no path of names", "or a list"),
        ("createdAt", "a" + ".a" * 32, "a" + ".a" * 32, "a path of 33 names is too long", "write 32 at most"),
        ('{at: createdAt, id: order.shop.id, amount: [order, "net.sum"]}', "[at]", "[", "this must be a mapping", ""),
    ],
)
def test_a_fault_of_a_field_is_one_problem_at_its_place(
    right: str, wrong: str, underlined: str, message: str, hint: str
) -> None:
    fields = parse_spec(OTHER_FIELDS, "orders.yaml").source.fields
    assert fields == {"at": ("createdAt",), "id": ("order", "shop", "id"), "amount": ("order", "net.sum")}
    require_one_problem(OTHER_FIELDS, right, wrong, underlined, message, hint)


def test_fields_of_a_format_with_fields_of_its_own_are_told() -> None:
    text = GOOD.replace("  partitions: 3\n", "  fields: {user_id: userId}\n")
    (problem,) = problems_of(text)
    assert (problem.message, problem.hint) == ("format log has fields of its own", "they go with `format: json`")
    assert marked(text, problem) == "fields"


@pytest.mark.parametrize("name", ["userId", "user-id", "@timestamp", "xsi:type", "größe", "0", "_id"])
def test_a_name_of_common_characters_needs_no_list(name: str) -> None:
    text = ORDERS.replace("  event_time: at\n", f"  fields: {{id: 'of.{name}'}}\n  event_time: at\n")
    assert parse_spec(text, "orders.yaml").source.fields == {"id": ("of", name)}


def test_fields_change_the_numbers_and_none_are_as_before() -> None:
    listed = OTHER_FIELDS.replace("order.shop.id", "[order, shop, id]")
    other = OTHER_FIELDS.replace("order.shop.id", "order.shop.no")
    prints = [parse_spec(text, "orders.yaml").fingerprint() for text in (ORDERS, OTHER_FIELDS, listed, other)]
    assert prints[0] == "e220916b272d33af"  # what it was before there were fields
    assert prints[1] == prints[2]
    assert len(set(prints)) == 3


FED = """\
name: fed
source:
  topic: fed
  format: rate
  rate: {rows_per_second: 5}
watermark: 5 minutes
metrics:
  numbers:
    window: 1 minute
    measures:
      n: count
sinks:
  - {to: console, rows: 3}
  - {to: kafka, topic: numbers, metrics: [numbers]}
late_data: {on_time_topic: on-time}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "underlined", "message", "hint"),
    [
        (
            "rows_per_second",
            "rows_per_secnd",
            "rows_per_secnd",
            "unknown key 'rows_per_secnd' in source.rate",
            "'rows_",
        ),
        ("rows_per_second: 5", "rows_per_second: 0", "0", "0 is out of bounds", "write at least 1"),
        ("rate: {rows_per_second: 5}", "files: {}", "files", "key 'path' is missing", "such as `path: data/"),
        ("rate: {rows_per_second: 5}", "socket: {port: 99999}", "99999", "99999 is out of bounds", "at most 65535"),
        ("  rate: {", "  socket: {port: 1}\n  rate: {", "t", "rate and socket feed one topic", "leave all but one out"),
        ("format: rate", "format: log", "t", "a rate is not of the format log", "write `format: rate`"),
        (
            "format: rate",
            "format: rate\n  isolation: read_uncommitted",
            "t",
            "what rate sends is whole only once",
            "leave",
        ),
        ("to: console", "to: consol", "consol", "this is no kind of sink", "did you mean 'console'?"),
        ("to: console", "to: postgres", "postgres", "this is no kind of sink", "write to: 'console', 'kafka'"),
        ("rows: 3", "row: 3", "row", "unknown key 'row' in sinks.0", "did you mean 'rows'?"),
        ("rows: 3", "mode: appended", "appended", "'appended' is not known here", "did you mean 'append'?"),
        ("rows: 3", "mode: delta", "delta", "'delta' is not known here", "write 'append', 'update' or 'complete'"),
        ("[numbers]", "[number]", "number", "there is no metric 'number'", "did you mean 'numbers'?"),
        ("[numbers]", "numbers", "numbers", "this must be a list", ""),
        ("{to: console, rows: 3}", "{to: console, metrics: [numbers, numbers]}", "numbers", "stands twice", "once"),
        ("rows: 3}", "rows: 3}\n  - {to: console, mode: append}", "console", "the console gets the rows of", "other m"),
        (
            "{to: console, rows: 3}",
            "{to: kafka, topic: numbers, metrics: []}",
            "numbers",
            "'numbers' gets the rows of 'numbers' from another sink already",
            "name another topic, or other metrics",
        ),
        ("rows_per_second: 5", "ramp_up: 900 ms", "900 ms", "a rate ramps up by whole seconds", "write 1 second"),
        ("topic: numbers", "topic: fed", "fed", "the stream reads 'fed'", "name another topic"),
        ("topic: numbers", "mode: update", "{", "key 'topic' is missing in sinks.1", "such as `topic: logs`"),
        ("on-time}", "fed}", "fed", "the stream reads 'fed'", "name another topic"),
        ("on-time}", "numbers}", "numbers", "'numbers' is the topic of on-time events", "name another topic"),
        (
            "{to: console, rows: 3}",
            "{to: kafka, topic: numbers, mode: append}",
            "numbers",
            "'numbers' gets the rows of 'numbers' from another sink already",
            "name another topic, or other metrics",
        ),
        ("  - {to: console, rows: 3}", "  - console", "console", "this must be a mapping", ""),
    ],
)
def test_a_fault_of_a_feed_or_a_sink_is_one_problem_at_its_place(
    right: str, wrong: str, underlined: str, message: str, hint: str
) -> None:
    assert [sink.to for sink in parse_spec(FED, "fed.yaml").sinks] == ["console", "kafka"]
    require_one_problem(FED, right, wrong, underlined, message, hint)


def test_where_a_topic_is_filled_from_and_passed_on_to_changes_no_number() -> None:
    other = FED.replace("rows_per_second: 5", "rows_per_second: 6").replace("{to: console, rows: 3}", "{to: console}")
    assert parse_spec(other, "fed.yaml").fingerprint() == parse_spec(FED, "fed.yaml").fingerprint()


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("rows: 3", f"rows: {'9' * 5_000}", "this number has too many digits"),
        ("topic: numbers", 'topic: "\\ud800"', "half of a character is no text"),
    ],
)
def test_what_yaml_writes_and_nothing_reads_is_told(right: str, wrong: str, message: str) -> None:
    assert right in FED
    (problem,) = problems_of(FED.replace(right, wrong, 1))
    assert problem.message == message


def test_a_derived_column_that_no_table_holds_is_told() -> None:
    spec = FED.replace("      n: count\n", "      n: count\n    derived: {x: to_months(n)}\n")
    (problem,) = problems_of(spec)
    assert problem.message == "a table cannot hold INTERVAL"
