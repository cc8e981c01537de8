"""Times as they are told: one form, exact, for every year that a window can lie in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tideline.times import iso, iso_ms, iso_us, iso_watermark

YEAR_500_US = round(datetime(500, 1, 31, 10, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_769_853_600_120_000, "2026-01-31T10:00:00.120Z"),
        (1_769_853_600_000_001, "2026-01-31T10:00:00.000001Z"),
        (YEAR_500_US, "0500-01-31T10:00:00Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_has_as_few_digits_as_say_all(us: int, text: str) -> None:
    assert iso_us(us) == text


def test_another_zone_becomes_utc() -> None:
    assert iso(datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-31T10:00:00Z"


def test_a_watermark_of_0_is_none() -> None:
    assert [iso_watermark(0), iso_watermark(None), iso_watermark(1000)] == [None, None, iso_ms(1000)]
