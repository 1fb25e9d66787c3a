"""Text from outside: trimmed, bounded, and without what no database can keep."""

import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    EmailStr,
    Field,
    StringConstraints,
    TypeAdapter,
)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def check_text(text: str) -> str:
    """Refuse NUL and lone surrogates, which PostgreSQL and UTF-8 cannot hold."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not contain NUL or lone surrogates")
    return text


def normalised_email(address: str) -> str:
    """The form in which e-mail addresses are stored, compared and written to. Not case-folded: `ß` is not `ss`, and
    mails to the one would reach whoever has the other."""
    return unicodedata.normalize("NFC", address.strip()).lower()


def in_utc(instant: datetime) -> datetime:
    """The instant in UTC, within the years that calendars and databases can reckon with."""
    if not 1900 <= instant.year <= 2200:
        raise ValueError("must lie between the years 1900 and 2200")
    return instant.astimezone(UTC)


def _reckonable(day: date) -> date:
    if not 1880 <= day.year <= 2200:
        raise ValueError("must lie between the years 1880 and 2200")
    return day


def _written_out(value: object) -> object:
    """Refuse numbers, which pydantic takes for seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and _DAY.match(value)):
        return value
    raise ValueError("must be written like 2031-03-03 or 2031-03-03T09:00:00+01:00")


def _whole_day(value: object) -> object:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("must be a day, written like 2031-03-03")
    return _written_out(value)


Instant = Annotated[
    AwareDatetime, BeforeValidator(_written_out), AfterValidator(in_utc), Field(examples=["2031-03-03T09:00:00+01:00"])
]
Day = Annotated[date, BeforeValidator(_whole_day), AfterValidator(_reckonable), Field(examples=["2031-03-03"])]
_Checked = AfterValidator(check_text)
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), _Checked]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), _Checked]
Prose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5_000), _Checked]
Notes = Annotated[str, StringConstraints(min_length=1, max_length=200_000), _Checked]
SearchText = Annotated[str, StringConstraints(max_length=200), _Checked]
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), _Checked]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+?[0-9][0-9 ()/.\-]{3,30}$"), _Checked]
Email = Annotated[EmailStr, AfterValidator(normalised_email), StringConstraints(max_length=254)]
email_adapter: TypeAdapter[str] = TypeAdapter(Email)
