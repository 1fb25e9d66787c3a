"""Keys: UUIDv7, so that rows made together lie together and no key can be guessed from its neighbour."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REST_BITS = 80


def new_id() -> UUID:
    return uuid7()


def made_at(id_: UUID) -> datetime:
    """When the key was made, by its first 48 bits (RFC 9562, section 5.7), to the millisecond."""
    return _EPOCH + timedelta(milliseconds=id_.int >> _REST_BITS)


def first_id_at(instant: datetime) -> UUID:
    """No key that was made then or later is before this one. It is no key itself."""
    return UUID(int=max(0, (instant - _EPOCH) // timedelta(milliseconds=1)) << _REST_BITS)
