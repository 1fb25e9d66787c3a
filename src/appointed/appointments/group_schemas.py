"""Group sessions on the wire."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from appointed.core.text import Instant, Prose, check_text

from .models import GroupSession
from .rules import Channel
from .service import Joining, Plan

EXAMPLE_ID = "019b2f4e-7c1a-7000-8000-000000000001"
FEWEST, MOST = 2, 200
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(check_text)
]
Kind = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40), AfterValidator(check_text)]


class SessionCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    doctor_id: UUID = Field(examples=[EXAMPLE_ID])
    title: Title = Field(examples=["Back school"])
    starts_at: Instant
    ends_at: Instant = Field(examples=["2031-03-03T10:00:00+01:00"])
    capacity: int = Field(ge=FEWEST, le=MOST, examples=[8])
    visit_type_id: UUID | None = Field(None, description="Left out: the default visit type.")
    location_id: UUID | None = Field(None, description="Left out: where the doctor is then.")
    room_id: UUID | None = None
    room_kind: Kind | None = Field(None, description="Any free room of that kind.")

    @model_validator(mode="after")
    def _names_one_room(self) -> Self:
        if self.room_id is not None and self.room_kind is not None:
            raise ValueError("send either room_id or room_kind")
        return self

    def plan(self) -> Plan:
        return Plan(**{name: getattr(self, name) for name in SessionCreate.model_fields})


class SessionRead(BaseModel):
    """Public: who takes part is not said."""

    id: UUID
    doctor_id: UUID
    visit_type_id: UUID
    location_id: UUID
    room_id: UUID | None
    title: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    free_places: int
    version: int
    cancelled_at: datetime | None

    @classmethod
    def of(cls, group: GroupSession, taken: int = 0) -> Self:
        own = {name: getattr(group, name) for name in cls.model_fields if name != "free_places"}
        return cls(**own, free_places=0 if group.cancelled_at else max(0, group.capacity - taken))


class SessionCancellation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Prose = Field(description="What the patients are told.", examples=["The trainer is ill"])


class PlaceCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    patient_id: UUID | None = Field(None, description="By the desk; patients take part themselves.")
    reason: Prose | None = Field(None, examples=["Pain in the lower back"])
    channel: Channel | None = Field(None, description="By the desk.")
    notify: bool | None = Field(None, description="By the desk: false sends no mail.")

    def joining(self) -> Joining:
        return Joining(self.patient_id, self.reason, self.channel, self.notify)
