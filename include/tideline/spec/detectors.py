"""What a spec may say of detectors: conditions on a window, or on a window beside those before it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from tideline.spec.parts import Column, Model, Whole

FEWEST_WINDOWS: Final = 2
"""A deviation is one of two values at least."""


Amount = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class _Detector(Model):
    """A detector of one metric's closed windows; `description` says what an anomaly means."""

    metric: Column
    description: str = ""


class Threshold(_Detector):
    """An anomaly is a window for which the condition, SQL over the published columns, is true.

    `observed` is the column that the anomaly tells.
    """

    kind: Literal["threshold"]
    when: str
    observed: Column

    @property
    def look_back(self) -> int:
        return 0


class Rise(_Detector):
    """An anomaly is a window whose value is more than `by` above that of the key's window before it.

    "Before" is the previous window that exists and has a value.
    """

    kind: Literal["rise"]
    observed: Column
    by: Amount

    @property
    def look_back(self) -> int:
        return 1


class ZScore(_Detector):
    """An anomaly is a window whose value lies beyond so many sample deviations from the mean of the windows before it.

    Of the last `windows` of its key that exist and have a value; fewer than `at_least` give no verdict. Where they are
    all equal the deviation is zero: any other value is an anomaly, without a score.
    """

    kind: Literal["zscore"]
    observed: Column
    windows: Annotated[Whole, Field(ge=FEWEST_WINDOWS, le=1000)] = 10
    at_least: Annotated[Whole, Field(ge=FEWEST_WINDOWS)] = 3
    beyond: Amount = 2

    @property
    def look_back(self) -> int:
        return self.windows


AnyDetector = Threshold | Rise | ZScore
Detector = Annotated[AnyDetector, Field(discriminator="kind")]
