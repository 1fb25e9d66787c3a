"""What happens to second factors, told by ids and words of ours."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from appointed.core.outbox import Event


@dataclass(frozen=True, slots=True)
class FactorsChanged(Event):
    """`change` is a `rules.Change`."""

    name: ClassVar[str] = "account.factors-changed"
    user_id: UUID
    change: str
