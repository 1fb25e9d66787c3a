"""Passwords: any characters up to 1,024 bytes, each of which counts."""

import asyncio
from collections.abc import Callable

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter, ValidationError

from appointed.accounts.passwords import MOST_BYTES, Hasher, Password

HASHER = Hasher(4)
anything = st.text(st.characters(codec=None, exclude_categories=[]), max_size=200)  # lone surrogates and NUL too
long = st.builds(
    lambda tail, length: "p" * length + tail, st.text(max_size=8), st.sampled_from([64, 71, 72, 73, 1_000])
)
adapter: TypeAdapter[SecretStr] = TypeAdapter(Password)


@settings(max_examples=100)
@given(anything | long)
async def test_a_password_fits_its_hash(password: str) -> None:
    assert await HASHER.verify(password, await HASHER.hash(password))


@settings(max_examples=100)
@given((anything | long).filter(len), st.data())
async def test_a_password_with_one_other_character_does_not_fit(password: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(password) - 1))
    other = data.draw(st.characters().filter(lambda character: character != password[at]))
    assert not await HASHER.verify(password[:at] + other + password[at + 1 :], await HASHER.hash(password))


@pytest.mark.parametrize(
    ("password", "other"),
    [
        ("p" * 72, "p" * 73),
        ("p" * 72 + "a", "p" * 72 + "b"),
        ("p" * 1_024, "p" * 1_023),
        ("secret\0one", "secret\0two"),
        ("secret\0", "secret"),
        ("\0" * 8, "\0" * 9),
        ("🩺" * 18, "🩺" * 19),
        ("Password1", "password1"),
        ("password", "password "),
        ("é", "e\u0301"),
    ],
)
async def test_what_bcrypt_alone_cannot_tell_apart_is_told_apart(password: str, other: str) -> None:
    """bcrypt stops at 72 bytes and at the first NUL."""
    hashed = await HASHER.hash(password)
    assert await HASHER.verify(password, hashed)
    assert not await HASHER.verify(other, hashed)


async def test_equal_passwords_have_different_hashes_that_fit_the_column() -> None:
    one, other = await HASHER.hash("correct horse"), await HASHER.hash("correct horse")
    assert one != other
    assert one.startswith("1:$2b$04$")
    assert len(one) <= 200


async def test_a_hash_of_another_version_or_none_does_not_fit() -> None:
    hashed = await HASHER.hash("correct horse")
    assert not await HASHER.verify("correct horse", hashed.removeprefix("1:"))
    assert not await HASHER.verify("correct horse", "2:" + hashed.removeprefix("1:"))
    assert not await HASHER.verify("correct horse", "")


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The hashes that bcrypt is asked about."""
    asked: list[bytes] = []
    real: Callable[[bytes, bytes], bool] = bcrypt.checkpw

    def note(password: bytes, hashed: bytes) -> bool:
        asked.append(hashed)
        return real(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", note)
    return asked


async def test_an_unknown_user_costs_as_much_as_a_known_one(checks: list[bytes]) -> None:
    """Else the time would tell who is a patient here."""
    hashed = await HASHER.hash("correct horse")
    assert not await HASHER.verify("wrong horse", hashed)
    assert not await HASHER.verify("wrong horse", None)
    known, unknown = checks
    assert known[:7] == unknown[:7] == b"$2b$04$"


async def test_nobodys_password_fits_nobody() -> None:
    assert not await HASHER.verify("nobody's password", None)


async def test_the_cost_is_what_was_set() -> None:
    assert (await Hasher(5).hash("x")).startswith("1:$2b$05$")


async def test_the_loop_goes_on_while_a_password_is_hashed() -> None:
    hashing = asyncio.create_task(Hasher(11).hash("correct horse"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 5


@pytest.mark.parametrize(
    "password",
    [
        "x7 Kq2m9",
        "🩺🐎🔋📎🧲🪨🌵🎻",
        "kdjfhgqz".ljust(MOST_BYTES),
        "🩺🐎🔋📎🧲🪨🌵🎻" * (MOST_BYTES // 32),
        "q\0wknzgf",
        "  k q  z  x ",
    ],
)
def test_a_password_may_hold_anything(password: str) -> None:
    assert adapter.validate_python(password).get_secret_value() == password


@pytest.mark.parametrize(
    ("password", "complaint"),
    [
        ("1234567", "at least 8 characters"),
        ("", "at least 8 characters"),
        ("p" * (MOST_BYTES + 1), "at most 1024 bytes"),
        ("é" * (MOST_BYTES // 2) + "x", "at most 1024 bytes"),
        ("\ud800" * 8, "surrogates"),
    ],
)
def test_a_password_that_is_too_short_too_long_or_no_text_is_refused(password: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint) as refused:
        adapter.validate_python(password)
    assert not password or password not in str([error["msg"] for error in refused.value.errors()])
