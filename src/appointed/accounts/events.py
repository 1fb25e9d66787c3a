"""What happens to accounts, told by ids."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from appointed.core.outbox import Event


@dataclass(frozen=True, slots=True)
class LinkAsked(Event):
    """Somebody asked for a link, for an address that may be nobody's."""

    name: ClassVar[str] = "account.link-asked"
    link_id: UUID


@dataclass(frozen=True, slots=True)
class PasswordChanged(Event):
    name: ClassVar[str] = "account.password-changed"
    user_id: UUID
