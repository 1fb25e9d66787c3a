"""One-time codes in links: an id and a MAC over it, so that nothing secret needs to be stored; pure."""

import base64
import hmac
from hashlib import sha256
from uuid import UUID

_MAC_BYTES = 16


def code_of(secret_key: str, purpose: str, id_: UUID) -> str:
    """The code for what `id_` names; one for another purpose is another."""
    mac = hmac.digest(secret_key.encode(), f"appointed:{purpose}:".encode() + id_.bytes, sha256)[:_MAC_BYTES]
    return base64.urlsafe_b64encode(id_.bytes + mac).decode().rstrip("=")


def id_in(secret_key: str, purpose: str, code: str) -> UUID | None:
    """What a code was made for; None for any other text."""
    try:
        raw = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
        id_ = UUID(bytes=raw[:16])
    except ValueError:
        return None
    expected = code_of(secret_key, purpose, id_)
    return id_ if hmac.compare_digest(expected.encode(), code.encode()) else None
