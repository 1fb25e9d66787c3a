"""Record numbers, the codes of invitations, and the forms in which sealed fields are looked up; pure."""

import base64
import hmac
import re
import secrets
from hashlib import sha256
from uuid import UUID

# Crockford's base 32: without I, L, O and U nobody misreads or mishears a number.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MAC_BYTES = 16


def new_record_number() -> str:
    """`P-` and eight characters; a collision is refused by the database and tried again."""
    return "P-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))


def phone_digits(phone: str) -> str:
    """The digits, with `00` in front read as `+`."""
    digits = re.sub(r"\D", "", phone)
    return digits[2:] if digits.startswith("00") else digits


def plain_number(number: str) -> str:
    """An insurance number without what people put between its characters."""
    return re.sub(r"[\s\-./]", "", number).upper()


def invitation_code(secret_key: str, invitation_id: UUID) -> str:
    """The one-time code in the link: the id and a MAC over it, so that nothing secret needs to be stored."""
    mac = hmac.digest(secret_key.encode(), b"appointed:invitation:" + invitation_id.bytes, sha256)[:_MAC_BYTES]
    return base64.urlsafe_b64encode(invitation_id.bytes + mac).decode().rstrip("=")


def invitation_of(secret_key: str, code: str) -> UUID | None:
    """The invitation that a code was made for; None for any other text."""
    try:
        raw = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
        invitation_id = UUID(bytes=raw[:16])
    except ValueError:
        return None
    expected = invitation_code(secret_key, invitation_id)
    return invitation_id if hmac.compare_digest(expected.encode(), code.encode()) else None
