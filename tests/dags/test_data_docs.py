"""Data Docs as a browser gets them: made by Great Expectations itself, and in need of no other host."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from tideline.gate.rules import Rule
from tideline.gate.suites import Frame, validate
from tideline.gate.validated import newest_validations
from tideline.home import Home
from tideline_airflow.data_docs import at_home, page_of
from tideline_airflow.page_templates import Place

PLACE = Place("/sub/tideline", 0)
LOADED = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=["']?([^"' >]*)""")
RULE = Rule("expect_column_values_to_be_between", {"column": "count", "max_value": 2})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("docs")
    folder = Home(root).stream("small").validations
    for run, greatest in (("run:1", 2), ("<b>run 2", 3)):
        rows = pa.table({"key": ["a", "b"], "count": [1, greatest]})
        validate(folder, "tables", [Frame("counts", rows, [RULE], ["key"])], run)
    return root


def body(root: Path, page: str) -> str:
    return bytes(page_of(root, "small", page, PLACE).body).decode()


def test_the_index_names_the_validations_newest_first(root: Path) -> None:
    html = body(root, "index.html")
    assert "✖ 1 failed" in html
    assert html.index("&lt;b&gt;run 2") < html.index("run:1")
    pages = re.findall(r'<a href="(validations/[^"]+)"', html)
    assert len(pages) == 2
    newest = newest_validations(Home(root).stream("small").validations, 1)
    assert [(each.suite, each.rules, each.failed) for each in newest] == [("tables.counts", 1, 1)]


def test_no_page_asks_another_host_for_anything(root: Path) -> None:
    seen = newest_validations(Home(root).stream("small").validations, 10)
    pages = ["index.html", *(each.page for each in seen if each.page)]
    assert len(pages) == 3
    for page in pages:
        loaded = LOADED.findall(body(root, page))
        assert any(address.startswith("/sub/tideline/static/") for address in loaded)
        assert not [address for address in loaded if "//" in address]


@pytest.mark.parametrize(
    "hostile", ["<footer>", "<script>", '<link rel="x" href="//a.example">', '<script src="https://a.example/">']
)
def test_what_a_log_brought_hides_nothing_that_comes_after_it(hostile: str) -> None:
    html = f"<head></head><td>{hostile}</td><p>the next rule</p><script></script><footer>end</footer>"
    assert "<p>the next rule</p>" in at_home(html, PLACE)


def test_a_browser_is_told_to_run_and_to_send_nothing(root: Path) -> None:
    (newest,) = newest_validations(Home(root).stream("small").validations, 1)
    policy = page_of(root, "small", str(newest.page), PLACE).headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "form-action 'none'", "sandbox allow-same-origin"} <= set(policy)


def test_a_page_still_says_what_was_found(root: Path) -> None:
    (newest,) = newest_validations(Home(root).stream("small").validations, 1)
    assert newest.page is not None
    html = body(root, newest.page)
    assert "values must be less than or equal to" in html
    assert "expectations/tables" not in html, "a page that is never built"


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "gx/uncommitted/validations/tables/counts/run/20260101T000000.000000Z/all.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"half":')
    assert newest_validations(tmp_path, 10) == []
