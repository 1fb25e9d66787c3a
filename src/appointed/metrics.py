"""`/metrics`, for the operator alone: what this process counts, and how the database stands (docs/metrics.md)."""

import asyncio
import hmac
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, cast

import structlog
from fastapi import APIRouter, Header, Response
from prometheus_client import CONTENT_TYPE_LATEST, Metric, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import QueuePool
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from appointed import __version__, audit
from appointed.core import outbox
from appointed.core.limits import Counting
from appointed.deps import State, StateDep

router = APIRouter(include_in_schema=False)
log = structlog.get_logger()

# A database that does not answer must not keep the other figures back.
PATIENCE_SECONDS = 2
POOLS = ("reads", "writes")


@router.get("/metrics")
async def read_metrics(state: StateDep, authorization: Annotated[str, Header()] = "") -> Response:
    """The figures in Prometheus's text format; without the token there is nothing here."""
    token = state.settings.metrics_token
    expected = f"Bearer {token.get_secret_value()}" if token else ""
    if not token or not hmac.compare_digest(authorization.encode(), expected.encode()):
        raise HTTPException(404)
    return Response(await exposition(state), media_type=CONTENT_TYPE_LATEST)


async def exposition(state: State) -> bytes:
    """All figures as text."""
    of_database = await _figures_of_the_database(state)
    metrics = [*state.measures.registry.collect(), *_figures_of_the_process(state), *of_database]
    return generate_latest(_Shown(metrics))


@dataclass(frozen=True, slots=True)
class _Shown(Collector):
    """Figures with the process that they are of: where several share a port, one of them answers."""

    metrics: Iterable[Metric]
    process: str = field(default_factory=lambda: str(os.getpid()))

    def collect(self) -> Iterator[Metric]:
        for metric in self.metrics:
            metric.samples = [
                each._replace(labels={**each.labels, "process": self.process})
                for each in metric.samples
                if not each.name.endswith("_created")
            ]
            yield metric


def _figures_of_the_process(state: State) -> Iterator[Metric]:
    yield _gauge("appointed_build_info", "The version that runs.", 1, version=__version__)
    yield _gauge("appointed_limiter_fallback", "1 while each process limits for itself because Redis does not answer.",
                 float(state.limiter.counting is Counting.FALLBACK))  # fmt: skip
    actions = CounterMetricFamily("appointed_actions", "What this process has written into the audit trail.",
                                  labels=["action", "outcome"])  # fmt: skip
    for names, count in sorted(state.database.tally.items()):
        actions.add_metric(names, count)
    yield actions
    in_use = GaugeMetricFamily("appointed_database_connections_in_use", "Connections that are taken.", labels=["pool"])
    most = GaugeMetricFamily("appointed_database_connections_most", "Connections that there may be.", labels=["pool"])
    for name, engine in zip(POOLS, state.database.engines, strict=True):
        pool = cast(QueuePool, engine.sync_engine.pool)
        in_use.add_metric([name], pool.checkedout())
        most.add_metric([name], pool.size())
    yield from (in_use, most)


async def _figures_of_the_database(state: State) -> list[Metric]:
    """Six statements; of a database that does not answer in time, that it does not."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return [*await _asked(state), _gauge("appointed_database_up", "Whether it answers.", 1)]
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        log.warning("figures_missing", error=type(error).__name__)
        return [_gauge("appointed_database_up", "Whether it answers.", 0)]


async def _asked(state: State) -> list[Metric]:
    now = state.clock.now()
    async with state.database.reads() as session:
        sealed = await audit.sealed_up_to(session)
        unsealed_at = await audit.oldest_unsealed(session)
        due_at = await outbox.oldest_due(session, now)
        waiting, dead = await outbox.count(session, now)
    unsealed = (now - unsealed_at).total_seconds() if unsealed_at else 0
    late = (now - due_at).total_seconds() if due_at else 0
    return [
        _gauge("appointed_audit_sealed_sequence", "The number of the trail's last seal.", sealed),
        _gauge("appointed_audit_unsealed_seconds", "The age of the oldest row that is not sealed.", max(0, unsealed)),
        _gauge("appointed_outbox_waiting", "Messages that are due and not done.", waiting),
        _gauge("appointed_outbox_lag_seconds", "How long the one that waits longest has been due.", max(0, late)),
        _gauge("appointed_outbox_dead", "Messages that were given up.", dead),
    ]


def _gauge(name: str, about: str, value: float, **labels: str) -> Metric:
    gauge = GaugeMetricFamily(name, about, labels=list(labels))
    gauge.add_metric(list(labels.values()), value)
    return gauge
