"""Sending the same work to ours and to the bare handlers, in turns, and what came of it."""

import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from . import operations
from .crowd import Crowd
from .load import Answer, drive
from .operations import Batch
from .setup import Clinic

MOST_ALONE = 20


@dataclass(slots=True)
class Side:
    """Requests a second, a number a round, and how long each answer took that was asked for alone."""

    rates: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def alone(self) -> float:
        return statistics.median(self.milliseconds)


@dataclass(slots=True)
class Measured:
    """Of one operation, both sides, and the most of a core that the load took."""

    ours: Side = field(default_factory=Side)
    bare: Side = field(default_factory=Side)
    load: float = 0.0

    @property
    def ratios(self) -> list[float]:
        return [ours / bare for ours, bare in zip(self.ours.rates, self.bare.rates, strict=True)]


class Bench:
    """The ports of both servers, and what was measured so far."""

    def __init__(self, ours: Sequence[int], bare: Sequence[int]) -> None:
        self._ours, self._bare = ours, bare
        self.measured: dict[str, Measured] = defaultdict(Measured)

    async def both(self, batch: Batch) -> tuple[Sequence[Answer], Sequence[Answer]]:
        """The answers of ours and of bare to one batch, which must fit each other."""
        measured = self.measured[batch.name]
        # Who goes first changes, in case what went before slows down what follows.
        if len(measured.ours.rates) % 2:
            ours = await self._one(self._ours, batch.ours, batch, measured.ours)
            bare = await self._one(self._bare, batch.bare, batch, measured.bare)
        else:
            bare = await self._one(self._bare, batch.bare, batch, measured.bare)
            ours = await self._one(self._ours, batch.ours, batch, measured.ours)
        if not batch.fits(json.loads(ours[-1].body), json.loads(bare[-1].body)):
            raise SystemExit(f"{batch.name}: ours {ours[-1].body[:300]!r} does not fit {bare[-1].body[:300]!r}")
        return ours, bare

    async def _one(self, ports: Sequence[int], requests: Sequence[bytes], batch: Batch, side: Side) -> list[Answer]:
        """A tenth of the requests one after the other, the rest as many at a time as the batch says."""
        few = min(-(-len(requests) // 10), MOST_ALONE)
        alone = await drive(ports[:1], requests[:few], 1)
        loaded = await drive(ports, requests[few:], batch.clients)
        answers = [*alone.answers, *loaded.answers]
        for answer in answers:
            if answer.status != batch.status:
                raise SystemExit(f"{batch.name}: {answer.status} {answer.body[:300]!r}")
        side.rates.append(loaded.rate)
        side.milliseconds += [answer.milliseconds for answer in alone.answers]
        measured = self.measured[batch.name]
        measured.load = max(measured.load, loaded.own_share)
        return answers


async def clinic_round(bench: Bench, count: int, *, clinic: Clinic) -> None:
    """Every operation once on ours and once on bare, so that the machine's noise meets both alike."""
    book, visits = operations.booking(clinic, count)
    ours, bare = await bench.both(book)
    await bench.both(operations.month(clinic, count))
    await bench.both(operations.months_together(clinic, _share(count, 10)))
    await bench.both(operations.page(clinic, count))
    await bench.both(operations.cancelling(visits, ours, bare))


async def crowd_round(bench: Bench, count: int, *, crowd: Crowd) -> None:
    await bench.both(operations.first_of_many(crowd, _share(count, 4)))


def _share(count: int, divisor: int) -> int:
    """Fewer of what takes longer, with one for each client and some to ask alone."""
    return max(count // divisor, operations.FEW_CLIENTS + 2)
