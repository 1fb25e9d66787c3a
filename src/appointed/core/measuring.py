"""What a process counts of what it answers, for the operator: words of ours and numbers, nothing that anybody sent."""

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from .errors import AppError

# In seconds: from a read of free times to what a person does not wait for.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
UNROUTED = "unrouted"


class Measures:
    """One application's, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter("appointed_requests", "Requests that were answered.", ["method", "route", "status"],
                                 registry=self.registry)  # fmt: skip
        self._seconds = Histogram("appointed_request_seconds", "How long they took.", ["method", "route"],
                                  buckets=BUCKETS, registry=self.registry)  # fmt: skip
        self._refusals = Counter("appointed_refusals", "Requests that were refused, by the code that they were told.",
                                 ["code", "status"], registry=self.registry)  # fmt: skip
        ProcessCollector(registry=self.registry)

    def answered(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """`route` is the template, which unlike the path names nobody."""
        route = route or UNROUTED
        self._requests.labels(method, route, f"{status // 100}xx").inc()
        self._seconds.labels(method, route).observe(seconds)

    def refused(self, error: AppError) -> None:
        self._refusals.labels(error.code, str(error.kind.value)).inc()
