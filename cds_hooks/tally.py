"""tally: what this process counted since it started, and how a monitoring system reads it.

Counting must cost an answer nothing, so counts are plain numbers; the library that writes them down is loaded when
they are first asked for. Names and labels are ours or the site's, and few: no id, no text of a caller, and of
addresses only those of FHIR servers that the site allows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Labels: TypeAlias = tuple[str, ...]
"""Values of the labels, in the order of their names."""


class Kind(NamedTuple):
    """One family of numbers."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


REQUESTS = Kind("pinpoint_requests", "Answers by route and HTTP status", ("route", "status"))
SECONDS = Kind("pinpoint_request_seconds", "Time until the answer was ready", ("route",))
CARDS = Kind(
    "pinpoint_cards", "Cards by service, indicator and what became of them", ("service", "indicator", "how")
)
RULES = Kind(
    "pinpoint_rules_met", "Rules that charts met, by tier and what became of them", ("rule", "tier", "how")
)
GAPS = Kind("pinpoint_gaps", "What could not be seen, by kind", ("kind",))
FETCHES = Kind("pinpoint_fetches", "Queries asked of FHIR servers, by what came of them", ("outcome",))
ENTRIES = Kind("pinpoint_entries", "Entries of charts, by kind and whether they were understood", ("kind", "read"))
BREAKERS = Kind("pinpoint_breaker_open", "1 while a FHIR server is left alone, 0 before that", ("server",))
FEEDBACK = Kind("pinpoint_feedback", "Items of feedback by outcome", ("service", "outcome"))

_COUNTED = (REQUESTS, CARDS, RULES, GAPS, FETCHES, ENTRIES, FEEDBACK)
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds."""


class Tally:
    """The counts of one process."""

    def __init__(self) -> None:
        self._counts: dict[Kind, Counter[Labels]] = {kind: Counter() for kind in _COUNTED}
        self._times: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}
        self._watched: dict[Kind, Callable[[], Mapping[Labels, float]]] = {}

    def count(self, kind: Kind, *labels: str, by: int = 1) -> None:
        """Nothing; so many more of these."""
        self._counts[kind][labels] += by

    def took(self, route: str, seconds: float) -> None:
        """Nothing; one more answer of this route."""
        times = self._times.setdefault((route,), [0] * (len(_BOUNDS) + 1))
        times[bisect_left(_BOUNDS, seconds)] += 1
        self._sums[route,] = self._sums.get((route,), 0.0) + seconds

    def watch(self, kind: Kind, now: Callable[[], Mapping[Labels, float]]) -> None:
        """Nothing; whenever the counts are read, `now` tells these numbers as they are at that moment."""
        self._watched[kind] = now

    def text(self) -> tuple[bytes, str]:
        """Everything in the format of Prometheus, and its media type."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest  # noqa: PLC0415

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry), CONTENT_TYPE_LATEST

    def collect(self) -> Iterator[Metric]:
        """The families, as the library asks for them."""
        from prometheus_client.core import (  # noqa: PLC0415
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        for kind, counts in self._counts.items():
            yield _filled(CounterMetricFamily(kind.name, kind.help, labels=kind.labels), counts.items())
        times = HistogramMetricFamily(SECONDS.name, SECONDS.help, labels=SECONDS.labels)
        for labels, found in self._times.items():
            times.add_metric(labels, _cumulative(found), self._sums[labels])
        yield times
        for kind, now in self._watched.items():
            yield _filled(GaugeMetricFamily(kind.name, kind.help, labels=kind.labels), now().items())


def _filled(family: Metric, numbers: Iterable[tuple[Labels, float]]) -> Metric:
    for labels, number in numbers:
        family.add_metric(labels, number)  # type: ignore[attr-defined]  # the families have it, their base has not
    return family


def _cumulative(found: list[int]) -> list[tuple[str, float]]:
    """How many took at most so long, for each bound and for none."""
    total, buckets = 0, []
    for bound, count in zip([*map(str, _BOUNDS), "+Inf"], found, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
