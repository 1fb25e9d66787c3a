"""Refresh tokens: each is derived from the one before, so that a session needs to remember the last one alone.

A token is its session's id, its number in the session and 32 bytes: random ones first, then the HMAC of the last token.
Whoever holds a token of a session, however old, and our key can go on to the last one, and nobody else can; that is how
an old token is told from an invented one, and how a client that never got its answer gets the same one again.
"""

import base64
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

GRACE = timedelta(seconds=10)
# A token that is older than so many is told from an invented one no more, or inventing them would keep us busy.
MOST_STEPS = 10_000
_ID_BYTES, _NUMBER_BYTES, _SECRET_BYTES = 16, 4, 32


@dataclass(frozen=True, slots=True)
class Place:
    """Which token of which session one says that it is."""

    session_id: UUID
    number: int


def first_token(session_id: UUID) -> str:
    return _written(Place(session_id, 0), secrets.token_bytes(_SECRET_BYTES))


def place_of(token: str) -> Place | None:
    """What the token says of itself, true or not; None if it has not the form of one."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"==")
    except ValueError:
        return None
    if len(raw) != _ID_BYTES + _NUMBER_BYTES + _SECRET_BYTES:
        return None
    return Place(UUID(bytes=raw[:_ID_BYTES]), int.from_bytes(raw[_ID_BYTES : _ID_BYTES + _NUMBER_BYTES]))


def hash_of(token: str) -> bytes:
    """SHA-256: enough for 256 bits that nobody can guess."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


class Chain:
    """Derives a token from the one before, by a key derived from `SECRET_KEY`."""

    def __init__(self, secret_key: str) -> None:
        self._key = HKDF(SHA256(), 32, None, b"appointed:refresh-token").derive(secret_key.encode())

    def following(self, token: str, place: Place) -> str:
        """The token at `place`, which comes after `token`."""
        return _written(place, hmac.digest(self._key, token.encode("utf-8", "surrogatepass"), sha256))

    def last(self, token: str, place: Place, number: int) -> str | None:
        """What the token at `place` leads to at `number`; None if it does not lie behind that, or too far."""
        if not 0 < number - place.number <= MOST_STEPS:
            return None
        for next_number in range(place.number + 1, number + 1):
            token = self.following(token, Place(place.session_id, next_number))
        return token


def _written(place: Place, secret: bytes) -> str:
    raw = place.session_id.bytes + place.number.to_bytes(_NUMBER_BYTES) + secret
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
