"""Keys: UUIDv7, so that rows made together lie together and no key can be guessed from its neighbour."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    return uuid7()
