"""Passwords of any bytes up to 1,024, hashed by bcrypt behind a version number."""

import base64
import hmac
from functools import partial
from typing import Annotated

import anyio
import anyio.to_thread
import bcrypt
from pydantic import AfterValidator, SecretStr, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from appointed.core.errors import Invalid

from .easy import is_easy

MOST_BYTES = 1_024
FEWEST_CHARACTERS = 8
PARALLEL_HASHES = 2
TOO_EASY = "password_too_easy"
EASY = "is among the first that are tried; a long sentence is best"
_VERSION = "1:"


def _check(password: SecretStr) -> SecretStr:
    text = password.get_secret_value()
    if len(text) < FEWEST_CHARACTERS:
        raise ValueError(f"must have at least {FEWEST_CHARACTERS} characters")
    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"must have at most {MOST_BYTES} bytes")
    if is_easy(text):
        raise PydanticCustomError(TOO_EASY, EASY)
    return password


def _check_text(password: SecretStr) -> SecretStr:
    """Lone surrogates are no text; `UnicodeEncodeError` is a `ValueError`."""
    password.get_secret_value().encode()
    return password


Password = Annotated[SecretStr, AfterValidator(_check)]
# One that somebody shows: what it must be like was asked when they chose it.
ShownPassword = Annotated[SecretStr, AfterValidator(_check_text)]
_adapter = TypeAdapter[SecretStr](Password)


def chosen(password: str) -> str:
    """The password, if it is one that may be chosen; else `ValueError`, which says what it is to be like."""
    try:
        return _adapter.validate_python(password).get_secret_value()
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def check_own(password: SecretStr, *own: str | None, field: str = "password") -> None:
    """Refuse what is easy to guess for who knows these names and addresses of whom it protects."""
    if is_easy(password.get_secret_value(), [name for name in own if name]):
        raise Invalid.field(field, f"This password {EASY}.", TOO_EASY)


class Hasher:
    """Hashes in a thread, a few at a time: bcrypt at cost 12 keeps a core busy for a quarter of a second."""

    def __init__(self, cost: int) -> None:
        self._cost = cost
        self._limiter = anyio.CapacityLimiter(PARALLEL_HASHES)
        self._dummy = _hash("nobody's password", cost)

    async def hash(self, password: str) -> str:
        return await anyio.to_thread.run_sync(_hash, password, self._cost, limiter=self._limiter)

    def is_outdated(self, hashed: str) -> bool:
        """Whether the hash was made in another way than a new one would be."""
        return not hashed.startswith(f"{_VERSION}$2b${self._cost:02}$")

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether the password fits; with no hash (an unknown user) the same work is done for nothing."""
        check = partial(_fits, password, hashed or self._dummy)
        return await anyio.to_thread.run_sync(check, limiter=self._limiter) and hashed is not None


def _hash(password: str, cost: int) -> str:
    return _VERSION + bcrypt.hashpw(_prehashed(password), bcrypt.gensalt(cost)).decode()


def _fits(password: str, hashed: str) -> bool:
    return hashed.startswith(_VERSION) and bcrypt.checkpw(_prehashed(password), hashed[len(_VERSION) :].encode())


def _prehashed(password: str) -> bytes:
    """64 bytes without NUL: bcrypt stops at 72 bytes and at the first NUL."""
    return base64.b64encode(hmac.digest(b"appointed:password:1", password.encode("utf-8", "surrogatepass"), "sha384"))
