"""Record numbers, the codes of invitations, and the forms in which sealed fields are looked up; pure."""

import re
import secrets
from uuid import UUID

from appointed.core.codes import code_of, id_in

# Crockford's base 32: without I, L, O and U nobody misreads or mishears a number.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
INVITATION = "invitation"


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
    """The one-time code in the link of an invitation."""
    return code_of(secret_key, INVITATION, invitation_id)


def invitation_of(secret_key: str, code: str) -> UUID | None:
    """The invitation that a code was made for; None for any other text."""
    return id_in(secret_key, INVITATION, code)
