"""What is asked about a time, and what is answered."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from appointed.appointments.policy import NO_QUOTAS, Quotas
from appointed.availability.rules import Reason, VisitRules
from appointed.visit_types.models import VisitType


@dataclass(frozen=True, slots=True)
class Asked:
    """A time that somebody wants. `is_desk` allows any length, `is_extra` fits the visit in, and `is_waived` lets hours
    and limits pass (`availability.rules.refusal`).

    `ignoring` owns time that does not stand in the way and counts for no limit: the visit that is to be moved.
    """

    doctor_id: UUID
    patient_id: UUID
    starts_at: datetime
    ends_at: datetime | None = None
    visit_type_id: UUID | None = None
    location_id: UUID | None = None
    is_desk: bool = False
    is_extra: bool = False
    is_waived: bool = False
    any_length: bool = False
    quotas: Quotas = NO_QUOTAS
    ignoring: UUID | None = None


# Hours that began the day before may go on, and walls are up to a day ahead of UTC or behind it.
_MARGIN = timedelta(days=2)
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Around:
    """The time that is looked at, from `first` to `last`, and for whom: for nobody in particular without
    `patient_id`. With `location_id`, there only. `is_online` when it is not the desk that books for the patient: then
    visits that they missed count.

    `family` are those whose visits are to follow each other, in order; None is anybody. Without, it is one visit.
    """

    first: datetime
    last: datetime
    now: datetime
    patient_id: UUID | None = None
    location_id: UUID | None = None
    quotas: Quotas = NO_QUOTAS
    ignoring: UUID | None = None
    is_online: bool = False
    family: tuple[UUID | None, ...] = ()

    @property
    def comers(self) -> tuple[UUID | None, ...]:
        """Who would come, one visit after the other."""
        return self.family or (self.patient_id,)

    @property
    def patients(self) -> list[UUID]:
        """Those of them who are known."""
        return [each for each in self.comers if each is not None]

    @property
    def days(self) -> tuple[date, date]:
        """Every day that any clock on a wall may show in that time."""
        return shifted(self.first, -_MARGIN).date(), shifted(self.last, _MARGIN).date()

    @property
    def parameters(self) -> dict[str, Any]:
        """What statements about that time are given."""
        first_day, last_day = self.days
        return {"first": shifted(self.first, -_MARGIN), "last": shifted(self.last, _MARGIN), "first_day": first_day,
                "last_day": last_day, "now": self.now, "patient": self.patient_id,
                "patients": self.patients, "ignoring": self.ignoring or NOBODY}  # fmt: skip


def shifted(instant: datetime, by: timedelta) -> datetime:
    """The instant so much later; the same at the ends of the calendar."""
    try:
        return instant + by
    except OverflowError:
        return instant


@dataclass(frozen=True, slots=True)
class Parties:
    """Who would meet, as they are in the database now."""

    doctor_user_id: UUID
    patient_user_id: UUID | None
    has_contact_email: bool
    visit_type: VisitType


@dataclass(frozen=True, slots=True)
class Taken:
    """A room, a device or another doctor that the visit takes besides its doctor, its buffers included. `role` is the
    kind of room or device, or the part that the doctor has."""

    resource_id: UUID
    role: str


@dataclass(frozen=True, slots=True)
class Judged:
    """The answer: `reason` says why not. Without one, `location_id` and `takes` are where and with what.

    `has_expired` tells that there are holds that are over and not ended yet, which may stand in the way.
    """

    asked: Asked
    parties: Parties
    rules: VisitRules
    ends_at: datetime
    reason: Reason | None
    location_id: UUID | None
    takes: tuple[Taken, ...] = ()
    has_expired: bool = False
