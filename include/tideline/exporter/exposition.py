"""Families of samples as Prometheus takes them, of the catalogue's series alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from prometheus_client.core import Metric

from tideline.exporter.catalogue import CATALOGUE, KEY_LABEL, Kind, Series

NO_KEYS: Final[Mapping[str, str]] = MappingProxyType({})
_KNOWN: Final = frozenset(CATALOGUE)


class Exposition:
    """Gathers samples; a series that is not of the catalogue, and labels that are not the series', are a ValueError."""

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}

    @property
    def families(self) -> list[Metric]:
        """What was told, in the catalogue's order."""
        return [self._families[series.name] for series in CATALOGUE if series.name in self._families]

    def tell(self, series: Series, value: float | None, keys: Mapping[str, str] = NO_KEYS, /, **labels: str) -> None:
        """One sample; what is not known (None) is not told."""
        all_labels = _checked(series, keys, labels)
        if value is not None:
            self._family(series).add_sample(series.name, all_labels, float(value))

    def tell_seconds(self, series: Series, milliseconds: int | None, /, **labels: str) -> None:
        """The same of a time or a span in milliseconds."""
        self.tell(series, None if milliseconds is None else milliseconds / 1000, **labels)

    def tell_histogram(self, series: Series, below: Sequence[tuple[float, int]], total: float, **labels: str) -> None:
        """How many were at most each bound, the last being infinity, and their sum."""
        own, family = _checked(series, NO_KEYS, labels), self._family(series)
        for bound, count in below:
            le = "+Inf" if bound == float("inf") else str(bound)
            family.add_sample(f"{series.name}_bucket", own | {"le": le}, float(count))
        family.add_sample(f"{series.name}_count", own, float(below[-1][1]))
        family.add_sample(f"{series.name}_sum", own, total)

    def _family(self, series: Series) -> Metric:
        if series.name not in self._families:
            name = series.name.removesuffix("_total") if series.kind is Kind.COUNTER else series.name
            self._families[series.name] = Metric(name, series.help, series.kind.value)
        return self._families[series.name]


def _checked(series: Series, keys: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, str]:
    if series not in _KNOWN:
        raise ValueError(f"{series.name} is no series of the catalogue")
    if set(labels) != set(series.labels):
        raise ValueError(f"{series.name} has the labels {', '.join(series.labels)}, not {', '.join(labels)}")
    if keys and not (series.keyed and all(key.startswith(KEY_LABEL) for key in keys)):
        raise ValueError(f"{series.name} has no labels {', '.join(keys)}")
    return {**labels, **keys}
