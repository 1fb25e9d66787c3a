"""Passwords of any bytes up to 1,024 register and log in, and all of their bytes count."""

import json

import httpx
import pytest

from .support.factories import Clinic

# What nobody tries first, for the rest to follow.
ODD = "kdjfhgqz"
GOOD = {
    "8 characters": "kdjfhgqz",
    "8 of four bytes each": "🩺🐎🔋📎🧲🪨🌵🎻",
    "72 bytes": ODD + "a" * 64,
    "73 bytes": ODD + "a" * 65,
    "1,024 bytes": ODD + "a" * 1_016,
    "1,024 bytes of emoji": "🩺🐎🔋📎🧲🪨🌵🎻" * 32,
    "emoji": "correct 🐴 battery 🔋 staple",
    "NUL inside": "long\0enough",
    "NUL first": "\0kdjfhgq",
    "blanks around": "  long enough  ",
    "controls": "tab\tnewline\nbell\a",
    "what forms escape": "a+b&c=d%20;e",
    "combining accents": "e\u0301a\u0300o\u0302u\u0308i\u0302n\u0303y\u0301c\u030c",
    "right to left": "כניסה בבקשה",
    "quotes": "'\"\\`$(x)--",
}
# The second differs from the first by something that a careless hash does not see.
ALIKE = {
    "byte 73": (ODD + "a" * 64 + "b", ODD + "a" * 64 + "c"),
    "a byte after 72": (ODD + "a" * 64, ODD + "a" * 65),
    "the last of 1,024": (ODD + "a" * 1_016, ODD + "a" * 1_015 + "b"),
    "after a NUL": ("kdjfhg!!\0one", "kdjfhg!!\0two"),
    "the NUL itself": ("kdjfhg!!", "kdjfhg!!\0"),
    "letter case": ("Long enough", "long enough"),
    "a blank at the end": ("long enough", "long enough "),
    "an emoji's tone": ("thumbs 👍👍", "thumbs 👍🏽👍"),
    "byte 73 within an emoji": (ODD + "a" * 63 + "🙂", ODD + "a" * 63 + "🙃"),
}


async def register(client: httpx.AsyncClient, email: str, password: str) -> int:
    body = {"email": email, "password": password, "first_name": "Pat", "last_name": "Sample"}
    answer = await client.post("/patients/new-patient", json=body)
    assert answer.is_success or "password" in [field["name"] for field in answer.json()["fields"]]
    assert "hash" not in answer.text
    assert answer.is_success or password == "" or json.dumps(password)[1:-1] not in answer.text
    return answer.status_code


async def log_in(client: httpx.AsyncClient, email: str, password: str) -> int:
    return (await client.post("/auth/login", data={"username": email, "password": password})).status_code


async def test_any_password_that_is_taken_logs_in(client: httpx.AsyncClient, clinic: Clinic) -> None:
    for number, (name, password) in enumerate(GOOD.items()):
        email = f"good{number}@example.org"
        assert (name, await register(client, email, password)) == (name, 201)
        assert (name, await log_in(client, email, password)) == (name, 200)


@pytest.mark.parametrize(("right", "wrong"), ALIKE.values(), ids=ALIKE)
async def test_a_password_that_is_nearly_right_is_wrong(
    right: str, wrong: str, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    await register(client, "pat@example.org", right)
    assert await log_in(client, "pat@example.org", wrong) == 401
    assert await log_in(client, "pat@example.org", right) == 200


@pytest.mark.parametrize(
    "password",
    ["", "1234567", "🙂" * 7, "kdjfhgqz" * 129, "🩺🐎🔋📎🧲🪨🌵🎻🪁" * 29, "é" * 513, "\0" * 1_025],
    ids=lambda text: f"{len(text)}",
)
async def test_what_is_too_short_or_too_long_is_refused_and_not_repeated(
    password: str, client: httpx.AsyncClient, sqlite_database: object
) -> None:
    assert await register(client, "pat@example.org", password) == 422


@pytest.mark.parametrize("password", ["", "x", "a" * 1_024, "a" * 1_025, "a" * 900_000, "\0", "🙂" * 300, "\udcff"])
async def test_no_password_breaks_the_login(
    password: str, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    pat = await clinic.patient()
    raw = b"username=" + pat.email.encode() + b"&password=" + password.encode("utf-8", "surrogateescape")
    answer = await client.post(
        "/auth/login", content=raw, headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == (401 if password else 422)
    assert answer.json()["code"] == ("invalid_credentials" if password else "invalid")
