"""Recovery codes: 120 random bits each, so that a fast hash keeps them as well as a slow one keeps passwords; pure."""

import base64
import secrets
from hashlib import sha256
from uuid import UUID

_BYTES = 15
_GROUP = 4
# The alphabet has no 0, 1 and 8; who types one has misread a letter.
_READ_AS = str.maketrans("018", "OIB")


def new_code() -> str:
    """Six groups of four, of capital letters and the digits 2 to 7."""
    text = base64.b32encode(secrets.token_bytes(_BYTES)).decode()
    return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def hash_of(user_id: UUID, code: str) -> bytes:
    """However the code is typed: in small letters, without hyphens, with 0 for O."""
    plain = "".join(character for character in code.upper() if character.isalnum()).translate(_READ_AS)
    return sha256(b"appointed:recovery-code:" + user_id.bytes + plain.encode("utf-8", "surrogatepass")).digest()
