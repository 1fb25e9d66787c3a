"""What happens to records, told by ids."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from appointed.core.outbox import Event


@dataclass(frozen=True, slots=True)
class RecordWritten(Event):
    """There is something new for the patient to read."""

    name: ClassVar[str] = "record.written"
    record_id: UUID


@dataclass(frozen=True, slots=True)
class RecordReleased(Event):
    """There is something for a parent or guardian to read of a minor who is otherwise private."""

    name: ClassVar[str] = "record.released"
    record_id: UUID
    user_id: UUID
