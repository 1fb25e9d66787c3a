"""Record numbers, the codes of invitations, and the forms in which sealed fields are looked up; pure."""

import re
import secrets
from uuid import UUID

from appointed.core.codes import code_of, id_in

# Crockford's base 32: without I, L, O and U nobody misreads or mishears a number.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LAST = 4
# Country codes of two digits; 1 and 7 have one, all others three.
_CODES_OF_TWO = frozenset(map(str, (20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59),
                                    *range(60, 67), 81, 82, 84, 86, *range(90, 96), 98)))  # fmt: skip
INVITATION = "invitation"


def new_record_number() -> str:
    """`P-` and eight characters; a collision is refused by the database and tried again."""
    return "P-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))


def phone_key(phone: str) -> str | None:
    """The form in which a number is indexed: its national part without leading zeros, by which `+49 30 5550 1234`,
    `0049 (0)30 5550-1234` and `030 5550 1234` are one number, wherever the clinic is. That patients of two countries
    have the same one is rarer than that somebody leaves the country out."""
    number = _number_of(phone)
    return (_national_part(number[1:]) if number.startswith("+") else number.lstrip("0")) or None


def phone_keys(phone: str) -> list[str]:
    """The forms in which a number may be indexed that is looked for: a `+` is often left out, here or there."""
    digits = _number_of(phone).removeprefix("+")
    return list(dict.fromkeys(filter(None, (phone_key(phone), _national_part(digits), digits.lstrip("0")))))


def phone_last4(phone: str) -> str | None:
    """The last four digits."""
    digits = re.sub(r"\D", "", phone)
    return digits[-4:] if len(digits) >= _LAST else None


def _number_of(phone: str) -> str:
    """Digits, with a `+` in front where the number says that it is international."""
    digits = re.sub(r"\D", "", phone)
    if phone.lstrip(" (").startswith("+"):
        return f"+{digits}"
    return f"+{digits[2:]}" if digits.startswith("00") else digits


def _national_part(digits: str) -> str:
    """Without the country code, which is one to three digits long (ITU-T E.164, annex D), and without zeros in front:
    `+49 (0)30`."""
    length = 1 if digits[:1] in {"1", "7"} else 2 if digits[:2] in _CODES_OF_TWO else 3
    return digits[length:].lstrip("0")


def plain_number(number: str) -> str | None:
    """An insurance number without what people put between its characters."""
    return re.sub(r"[\s\-./]", "", number).upper() or None


def invitation_code(secret_key: str, invitation_id: UUID) -> str:
    """The one-time code in the link of an invitation."""
    return code_of(secret_key, INVITATION, invitation_id)


def invitation_of(secret_key: str, code: str) -> UUID | None:
    """The invitation that a code was made for; None for any other text."""
    return id_in(secret_key, INVITATION, code)
