"""What another site's page makes a signed-in person's browser send is refused, whatever it looks like."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tideline_airflow.same_origin import SameOriginOnly

HOME = "http://air.example:8080"
TRUSTED = "https://tool.example"
RUNS = "/api/v2/dags/stop_stream/dagRuns"
Headers = dict[str, str]


def answered(headers: Headers, method: str = "POST") -> int:
    """By a server that refuses nothing itself."""
    app = FastAPI()
    app.add_api_route(RUNS, lambda: "done", methods=["GET", "POST", "PATCH", "DELETE"])
    app.add_middleware(SameOriginOnly, trusted=[TRUSTED])
    answer = TestClient(app, base_url=HOME).request(method, RUNS, headers=headers | {"Cookie": "_token=x"})
    return int(answer.status_code)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://air.example:4040"},
        {"Origin": "http://air.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://air.example:4040"},
        {"Sec-Fetch-Site": "cross-site", "Origin": HOME},
        {"Origin": "http://evil.example", "Content-Type": "text/plain"},
        {"Origin": "http://evil.example", "Content-Type": "application/x-www-form-urlencoded"},
        {"Origin": "http://evil.example", "Content-Type": "application/json"},
        {"Origin": "http://evil.example", "X-Requested-With": "XMLHttpRequest"},
        {"Sec-Fetch-Site": "cross-site", "Authorization": "Basic x"},
        {"Sec-Fetch-Site": "same-site", "Authorization": "Negotiate x"},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_forged_request_is_refused(headers: Headers, method: str) -> None:
    assert answered(headers, method) == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": HOME},
        {"Origin": HOME.upper()},
        {"Sec-Fetch-Site": "same-origin", "Origin": HOME},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://air.example", "X-Forwarded-Host": "air.example"},
        {"Origin": TRUSTED, "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example", "Authorization": "Bearer x"},
        {},
    ],
    ids=lambda headers: " ".join(headers.values()) or "no browser",
)
def test_what_a_person_or_a_program_sends_goes_on(headers: Headers) -> None:
    assert answered(headers) == 200


def test_reading_changes_nothing() -> None:
    assert answered({"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, "GET") == 200
