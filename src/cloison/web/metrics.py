"""Figures for the operator, as Prometheus reads them: of the desk, never of a person or an account."""

import time
from collections.abc import Callable, Iterator, Mapping

from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, Metric

from cloison.errors import OverloadedError
from cloison.web.places import Places

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"  # all addresses that we do not serve: their paths are the caller's words
STARTED = "started"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, for a date that nobody asks for


class Metrics:
    """The figures of one desk, in a registry of its own."""

    def __init__(self) -> None:
        """Count from zero."""
        self._registry = CollectorRegistry()
        self._alerts: dict[str, int] = {}
        self._registry.register(self)
        self._requests = Counter(
            "cloison_requests", "HTTP requests answered", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            *("cloison_request_seconds", "Time until the answer began", ["route"]),
            registry=self._registry,
            buckets=SECONDS,
        )
        self.outcomes = Counter(
            "cloison_outcomes",
            "Outcomes of opening, searching and listing",
            ["act", "outcome"],
            registry=self._registry,
        )
        self.problems = Counter("cloison_problems", "Errors answered, by code", ["code"], registry=self._registry)
        self._waiting = Gauge(
            "cloison_waiting_requests", "Requests waiting for a batch of the meter", registry=self._registry
        )

        self._calls = Gauge("cloison_calls", "Calls under way, by kind", ["kind"], registry=self._registry)
        self._places = Gauge("cloison_places", "Calls that may be under way", ["kind"], registry=self._registry)
        self._early = Counter(
            "cloison_refused_early", "Calls refused because too many waited", ["kind"], registry=self._registry
        )

    def watch_places(self, kind: str, places: Places) -> Callable[[], None]:
        """Ask `places` whenever the figures are read; what counts a call that got none of them."""
        self._calls.labels(kind).set_function(lambda: places.taken)
        self._places.labels(kind).set_function(lambda: places.number)
        early, problems = self._early.labels(kind), self.problems.labels(OverloadedError.code)

        def count() -> None:
            early.inc()
            problems.inc()

        return count

    def watch(self, waiting: Callable[[], float]) -> None:
        """Ask `waiting` for the number of requests that wait, whenever the figures are read."""
        self._waiting.set_function(waiting)

    def note_alerts(self, counts: Mapping[str, int]) -> None:
        """How many alerts the database holds, by kind."""
        self._alerts = dict(counts)

    def collect(self) -> Iterator[Metric]:
        """The figures that are counted elsewhere, as the registry asks for them."""
        alerts = CounterMetricFamily("cloison_alerts", "Alerts raised, by kind", labels=["kind"])
        for kind, count in self._alerts.items():
            alerts.add_metric([kind], count)
        yield alerts

    def text(self) -> bytes:
        """All figures, as Prometheus' text format has them."""
        return generate_latest(self._registry)

    async def count(self, message: Message, scope: Scope) -> None:
        """Count an answer as it is sent."""
        if message["type"] != "http.response.start":
            return
        route = str(scope.get("path_template") or OTHER)
        self._requests.labels(route, message["status"]).inc()
        started = scope["state"].get(STARTED)
        if started is not None:
            self._seconds.labels(route).observe(time.perf_counter() - started)


def timed(app: ASGIApp) -> ASGIApp:
    """Middleware that notes when a request began."""

    async def note_start(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"][STARTED] = time.perf_counter()
        await app(scope, receive, send)

    return note_start
