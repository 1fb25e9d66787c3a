"""Several visits in one transaction, all or none, with a word on each: what series and families have in common."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import resources
from appointed.appointments import offers
from appointed.appointments.errors import REFUSALS, TimeRefused, TimeSkipped, Wanted
from appointed.appointments.models import Appointment
from appointed.appointments.offers import Asked, Judged
from appointed.core.errors import NotFound, StartAgain

from .booking import wanted_of

MOST_ALTERNATIVES = 8
# In the order in which they are named: a time that the clocks skip cannot even be asked for.
_ORDER: tuple[type[TimeRefused], ...] = (TimeSkipped, *REFUSALS.values())


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one of several visits: it has a `visit`, or a `refusal` by which it stands in everybody's way.

    `starts_at` is None if the clocks skip that time; `wall_time` is what they show or would show, where it matters.
    """

    patient_id: UUID
    starts_at: datetime | None
    wall_time: datetime | None
    visit: Appointment | None = None
    refusal: type[TimeRefused] | None = None
    wanted: Wanted | None = None

    @property
    def code(self) -> str | None:
        return self.refusal.code if self.refusal else None

    @property
    def is_in_conflict(self) -> bool:
        """Whether another time would help."""
        return self.wanted is not None and self.refusal is not None and self.refusal.is_conflict()

    def document(self) -> dict[str, Any]:
        starts_at = self.starts_at.isoformat().replace("+00:00", "Z") if self.starts_at else None
        wall = {"wall_time": self.wall_time.isoformat()} if self.wall_time else {}
        return {"patient_id": str(self.patient_id), "starts_at": starts_at, **wall, "code": self.code}


def told_of(judged: Judged, visit: Appointment | None, wall_time: datetime | None = None) -> Told:
    asked = judged.asked
    refusal = REFUSALS[judged.reason] if judged.reason else None
    return Told(asked.patient_id, asked.starts_at, wall_time, visit, refusal, wanted_of(judged) if refusal else None)


async def lock_for(
    session: AsyncSession, several: Sequence[Asked], *, besides: Collection[UUID] = ()
) -> frozenset[UUID]:
    """Lock whatever the visits could take, all at once, so that nobody who does alike is met half-way."""
    whom = frozenset(besides).union(*[await offers.to_lock(session, asked) for asked in several])
    try:
        await resources.lock(session, whom)
    except NotFound:
        for asked in several:
            await offers.name_the_missing(session, asked)
        raise StartAgain from None
    return whom


def check_all_had(told: Sequence[Told], name: str) -> None:
    """`TimeRefused` by the first reason that applies to any of them; `name` is what the report on each is called."""
    refused = [each for each in told if each.refusal]
    if not refused:
        return
    first = min(refused, key=lambda each: _ORDER.index(each.refusal or TimeSkipped))
    assert first.refusal is not None  # noqa: S101 - it is one of those that have one
    documents = [each.document() for each in told]
    error = first.refusal(patient_id=first.patient_id, extra={name: documents})
    error.wanted = first.wanted
    helped = [(document, each) for document, each in zip(documents, told, strict=True) if each.is_in_conflict]
    error.others = [(document, each.wanted) for document, each in helped[:MOST_ALTERNATIVES] if each.wanted]
    raise error
