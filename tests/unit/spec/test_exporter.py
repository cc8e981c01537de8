"""The key `exporter` of a spec."""

from __future__ import annotations

from typing import Any

import pytest

from support.records import small_spec
from tideline.spec.job import JobSpec
from tideline.spec.load import SpecError, parse_spec
from tideline.spec.model import StreamSpec

SPEC = """
name: orders
source: {topic: orders}
watermark: 5 minutes
metrics:
  volume: {window: 1 minute, measures: {total: count}}
exporter: {pushgateway: "%s"}
"""


@pytest.mark.parametrize("address", ["http://127.0.0.1:9091", "https://push.example.org/prefix", "http://[::1]:9091"])
def test_an_address_is_taken(address: str) -> None:
    assert parse_spec(SPEC % address, "orders.yaml").exporter.pushgateway == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1:9091",
        "ftp://h",
        "http://",
        "http://h:0",
        "http://h:x",
        "http://h/?q",
        "http://u:p@h",
        "http://h h",
    ],
)
def test_what_is_no_address_is_told_with_its_place_and_an_example(address: str) -> None:
    with pytest.raises(SpecError) as error:
        parse_spec(SPEC % address, "orders.yaml")
    assert "orders.yaml:7" in str(error.value)
    assert "http://127.0.0.1:9091" in str(error.value)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (StreamSpec, small_spec().model_dump(mode="json")),
        (JobSpec, {"name": "job", "entrypoint": "jobs/basics/word_count.py"}),
    ],
)
def test_where_metrics_go_begins_no_generation(model: type[StreamSpec | JobSpec], data: dict[str, Any]) -> None:
    pushes = model.model_validate(data | {"exporter": {"pushgateway": "http://127.0.0.1:9091"}})
    assert pushes.fingerprint() == model.model_validate(data).fingerprint()
