"""The Streams page in a real browser, inside Airflow's own pages: what an operator sees and does there.

It goes on with the stream that `test_browser` has deployed, and stops it at its end.
"""

from __future__ import annotations

import json
import re
import signal
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FrameLocator, Page, Route, expect

from support.platform import Platform
from support.signed_in import signed_in_as
from support.web_ui import SCREEN, STREAM, WebUi
from tideline.airflow_api import AirflowApi
from tideline.airflow_runs import trigger_once_parsed
from tideline.kafka_io import ensure_topic
from tideline.keeper.heartbeat import read_heartbeat
from tideline.keeper.lifecycle import State
from tideline.registry.store import Registry

PLAIN_POST = {"conf": {"stream": STREAM}, "logical_date": None}
RUNS = "/api/v2/dags/stop_stream/dagRuns"
PICTURES = "pictures"
SERIOUS = {"serious", "critical"}


@dataclass(frozen=True)
class StreamsPage:
    """The page in its frame, and Airflow's around it."""

    around: Page

    @property
    def inside(self) -> FrameLocator:
        return self.around.frame_locator("iframe[title=Streams]")

    def open(self) -> None:
        self.around.goto("/")
        self.around.get_by_role("link", name="Streams", exact=True).click()
        expect(self.inside.get_by_role("heading", name="Streams", exact=True)).to_be_visible()

    def open_stream(self) -> None:
        self.open()
        self.inside.get_by_role("link", name=STREAM, exact=True).click()
        expect(self.inside.get_by_role("heading", name=f"Stream {STREAM}")).to_be_visible()

    def wrong(self) -> list[str]:
        """What axe finds serious in the page."""
        (frame,) = (each for each in self.around.frames if each.url.split("?")[0].startswith(self.around_base))
        found = Axe().run(frame).response["violations"]
        return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found if each["impact"] in SERIOUS]

    @property
    def around_base(self) -> str:
        return re.sub(r"^(https?://[^/]*).*", r"\1/tideline/", self.around.url)


@pytest.fixture(scope="module")
def running(whole: Platform, api: AirflowApi, registry: Registry) -> str:
    """The stream, STABLE, with some events in its tables."""
    ensure_topic(whole.settings.kafka, STREAM, 3)
    if not any(row.name == STREAM and row.state is State.STABLE for row in registry.streams()):
        run = trigger_once_parsed(api, "deploy_stream", {"stream": STREAM}, print)
        assert api.wait("deploy_stream", run, 400) == "success"
    words = ("--kind", "user-events", "--rate", "100", "--seconds", "5", "--late-by", "15 minutes", "--seed", "31")
    produced = whole.run("produce", "--topic", STREAM, *words)
    assert produced.returncode == 0, produced.stderr
    return STREAM


@pytest.fixture
def streams(ui: WebUi, running: str) -> StreamsPage:
    return StreamsPage(ui.page)


@pytest.fixture
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures of the page are left."""
    folder = tmp_path_factory.getbasetemp() / PICTURES
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_is_found_in_the_navigation_and_follows_airflows_theme(
    streams: StreamsPage, pictures: Path, theme: str
) -> None:
    streams.around.evaluate(f"localStorage.setItem('theme', '{theme}')")
    streams.open()
    row = streams.inside.get_by_role("row", name=STREAM)
    expect(row).to_contain_text("STABLE")
    expect(row).to_contain_text("balanced")
    expect(streams.inside.locator("html")).to_have_attribute("data-theme", theme)
    assert streams.wrong() == []
    streams.around.screenshot(path=pictures / f"streams-{theme}.png")
    streams.open_stream()
    expect(streams.inside.get_by_text("Sent", exact=True).first).to_be_visible()
    expect(streams.inside.locator("canvas").first).to_be_visible()
    assert streams.wrong() == []
    streams.around.screenshot(path=pictures / f"stream-{theme}.png")


def test_a_number_is_explained(streams: StreamsPage) -> None:
    streams.open_stream()
    streams.inside.get_by_role("link", name=re.compile("^Why: ")).first.click()
    expect(streams.inside.get_by_text("this is what its inputs give")).to_be_visible()
    assert streams.wrong() == []


def test_a_killed_driver_is_seen_without_a_reload_and_restarted_by_a_button(
    whole: Platform, streams: StreamsPage, api: AirflowApi, registry: Registry
) -> None:
    streams.open_stream()
    page, head = streams.inside, streams.inside.locator("section[data-state]")
    expect(head).to_have_attribute("data-state", "STABLE")
    streams.around.evaluate("window.neverReloaded = true")
    epoch = registry.stream(STREAM).epoch
    beat = read_heartbeat(whole.home.stream(STREAM).heartbeat)
    assert beat is not None
    assert beat.pid is not None
    psutil.Process(beat.pid).send_signal(signal.SIGKILL)
    expect(head).not_to_have_attribute("data-state", "STABLE")
    expect(page.get_by_text("Restarts in a day").locator("..")).not_to_contain_text("0")
    assert registry.stream(STREAM).epoch > epoch
    assert streams.around.evaluate("window.neverReloaded")

    page.get_by_role("button", name="Restart").click()
    link = page.get_by_role("link", name=re.compile("^run manual__"))
    run = link.inner_text().removeprefix("run ")
    link.click()
    streams.around.wait_for_url(re.compile("/dags/restart_stream/runs/"))
    assert WebUi(streams.around).shown_run() == run
    assert api.call("GET", f"/dags/restart_stream/dagRuns/{run}")["triggering_user_name"] == "admin"
    with WebUi(streams.around).away():
        assert api.wait("restart_stream", run, 400) == "success"


def test_who_may_only_look_cannot_press(whole: Platform, browser: Browser, running: str) -> None:
    context = browser.new_context(base_url=whole.settings.api_url, viewport=SCREEN)
    token = signed_in_as(whole, "vera", "viewer")
    context.add_cookies([{"name": "_token", "value": token, "url": whole.settings.api_url}])
    streams = StreamsPage(context.new_page())
    streams.open_stream()
    expect(streams.inside.get_by_text("You may look, and trigger none of these.")).to_be_visible()
    for name in ("Deploy", "Stop", "Suspend", "Resume", "Restart", "Roll back", "Reconcile"):
        expect(streams.inside.get_by_role("button", name=name, exact=True)).to_be_disabled()
    assert context.request.post(RUNS, data=PLAIN_POST).status == 403
    context.close()


FORGED = {
    "form": {"content": "conf=%7B%7D&logical_date=", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    "text": {"content": json.dumps(PLAIN_POST), "headers": {"Content-Type": "text/plain"}},
    "no type": {"content": json.dumps(PLAIN_POST), "headers": {}},
    "JSON": {"content": json.dumps(PLAIN_POST), "headers": {"Content-Type": "application/json"}},
}


@pytest.mark.parametrize("body", list(FORGED))
@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:4040", "null"])
def test_a_post_of_another_site_is_refused(whole: Platform, body: str, origin: str) -> None:
    sent = FORGED[body]
    cookies = {"_token": signed_in_as(whole, "admin", "admin")}
    with httpx.Client(base_url=whole.settings.api_url, cookies=cookies, trust_env=False) as client:
        answer = client.post(RUNS, content=str(sent["content"]), headers={**sent["headers"], "Origin": origin})  # type: ignore[dict-item]
    assert (answer.status_code, answer.json()["detail"]) == (403, "Refused: this was sent by a page of another site")


EVIL = """<form method=post enctype=text/plain action='%(runs)s'><input name='{"conf":{"stream":"' value='x"}}'></form>
<script>
const body = '{"conf": {"stream": "user-events"}, "logical_date": null}';
const send = (body) => fetch('%(runs)s', {method: 'POST', mode: 'no-cors', credentials: 'include', body});
Promise.all([send(body), send(new Blob([body])), send(new URLSearchParams({conf: '{}'}))])
  .finally(() => { document.forms[0].submit(); });
</script>"""


def test_another_ports_page_cannot_use_the_persons_cookie(whole: Platform, ui: WebUi, api: AirflowApi) -> None:
    """Cookies know no ports: the browser sends it, and the server must refuse."""
    before = api.call("GET", RUNS.removeprefix("/api/v2"))["total_entries"]

    def evil(route: Route) -> None:
        route.fulfill(content_type="text/html", body=EVIL % {"runs": whole.settings.api_url + RUNS})

    page = ui.page.context.new_page()
    page.route("http://127.0.0.1:9/", evil)
    with page.expect_navigation(url=re.compile(RUNS)) as landed:
        page.goto("http://127.0.0.1:9/")
    assert landed.value is not None
    assert landed.value.status == 403
    page.close()
    assert api.call("GET", RUNS.removeprefix("/api/v2"))["total_entries"] == before


def test_a_press_before_the_page_has_come_whole_is_not_lost(streams: StreamsPage) -> None:
    address = re.compile(r"/static/page\.js$")
    streams.around.route(address, lambda route: route.abort())
    streams.open_stream()
    streams.inside.get_by_role("button", name="Stop", exact=True).click()
    streams.inside.get_by_role("dialog", name=f"Stop {STREAM}?").get_by_role("button", name="No").click()
    streams.around.unroute(address)


def test_charts_whose_numbers_do_not_come_are_told(streams: StreamsPage) -> None:
    address = re.compile(r"/samples$")
    streams.around.route(address, lambda route: route.abort())
    streams.open_stream()
    told = streams.inside.locator("#status")
    expect(told).to_have_text("The server does not answer: what is shown is old.")
    streams.around.unroute(address)
    expect(told).to_have_text("")


def test_a_stop_is_asked_about_and_done(streams: StreamsPage, registry: Registry) -> None:
    streams.open_stream()
    page = streams.inside
    page.get_by_role("button", name="Stop", exact=True).click()
    dialog = page.get_by_role("dialog", name=f"Stop {STREAM}?")
    dialog.get_by_role("button", name="No").press("Enter")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Stop", exact=True).click()
    dialog.get_by_role("button", name="Stop").click()
    expect(page.locator("section[data-state]")).to_have_attribute("data-state", "STOPPED", timeout=120_000)
    assert registry.stream(STREAM).asked_by == "admin"
