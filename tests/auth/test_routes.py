"""`/auth` over HTTP: logging in, staying logged in, logging out."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, text

from appointed.accounts.actor import Role
from appointed.accounts.tokens import Tokens
from appointed.audit.models import AuditEvent
from appointed.core.settings import Settings

from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic, Person


class Site:
    """Sends to `/auth`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def log_in(self, email: str, password: str = PASSWORD, **more: str) -> httpx.Response:
        return await self.client.post("/auth/login", data={"username": email, "password": password} | more)

    async def tokens(self, email: str, password: str = PASSWORD) -> Any:
        answer = await self.log_in(email, password)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refresh(self, token: str) -> httpx.Response:
        return await self.client.post("/auth/refresh", json={"refresh_token": token})

    async def me(self, access_token: str) -> httpx.Response:
        return await self.client.get("/auth/me", headers={"Authorization": f"Bearer {access_token}"})

    async def log_out(self, access_token: str) -> httpx.Response:
        return await self.client.post("/auth/logout", headers={"Authorization": f"Bearer {access_token}"})


@pytest.fixture
def site(client: httpx.AsyncClient) -> Site:
    return Site(client)


@pytest.fixture
async def nurse(clinic: Clinic) -> Person:
    return await clinic.staff(Role.NURSE)


@pytest.mark.parametrize("path", ["/auth/login", "/auth/login/"])
async def test_a_login_gives_what_oauth2_says(site: Site, nurse: Person, path: str) -> None:
    form = {"grant_type": "password", "username": nurse.email, "password": PASSWORD, "scope": ""}
    answer = await site.client.post(path, data=form)
    said = answer.json()
    assert (answer.status_code, said["token_type"], said["expires_in"]) == (200, "bearer", 900)
    assert set(said) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert answer.headers["cache-control"] == "no-store"
    me = await site.me(said["access_token"])
    assert (me.status_code, me.json()) == (
        200, {"id": str(nurse.user_id), "email": nurse.email, "display_name": "Robin Desk", "roles": ["nurse"],
              "is_email_verified": False}
    )  # fmt: skip


async def test_the_address_is_the_same_in_any_letter_case_and_with_spaces_around(site: Site, nurse: Person) -> None:
    for email in (nurse.email.upper(), f"  {nurse.email} ", nurse.email.title()):
        assert (await site.log_in(email)).status_code == 200


@pytest.mark.parametrize(
    "password",
    [
        "kdjfhgqz" + "x" * 65,
        "kdjfhgqz" + "p" * 64 + "1",
        "🩺🐎🔋📎🧲🪨🌵🎻" * 3,
        "before\0after",
        "éüñçøåßæ" * 64,
        "  spaces count  ",
        "ﬁne ligature",
        "\\\"'%00+&=",
    ],
)
async def test_a_password_of_any_characters_logs_in_and_no_other_does(
    site: Site, sqlite_database: object, password: str
) -> None:
    body = {"email": "pat@example.org", "password": password, "first_name": "Pat", "last_name": "Sample"}
    assert (await site.client.post("/patients/new-patient", json=body)).status_code == 201
    assert (await site.log_in("pat@example.org", password)).status_code == 200
    for other in (password[:-1], password[:-1] + "2", password.partition("\0")[0] + "?", password.strip() + "x"):
        assert (await site.log_in("pat@example.org", other)).status_code == 401


async def test_unknown_wrong_and_disabled_are_answered_alike(site: Site, clinic: Clinic, nurse: Person) -> None:
    admin, gone = await clinic.staff(Role.ADMIN), await clinic.staff(Role.NURSE)
    await site.client.delete(f"/users/{gone.user_id}", headers=dict(admin.headers))
    answers = [
        await site.log_in("nobody@example.org"),
        await site.log_in(nurse.email, "wrong password"),
        await site.log_in(gone.email),
        await site.log_in(gone.email, "wrong password"),
        await site.log_in("no address at all"),
        await site.log_in("x" * 2_000),
        await site.log_in(nurse.email, "x" * 2_000),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["code"] == "invalid_credentials"
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}


async def test_every_failed_login_is_in_the_trail_without_what_was_typed(
    site: Site, clinic: Clinic, nurse: Person
) -> None:
    await site.log_in(nurse.email, "a wrong password")
    await site.log_in("somebody@example.org", "a wrong password")
    await site.log_in(nurse.email)
    async with clinic.database.reads() as session:
        rows = (await session.scalars(select(AuditEvent).order_by(AuditEvent.id))).all()
    trail = [(row.action, row.outcome, row.actor_id, row.entity_id) for row in rows if row.action == "session.open"]
    assert [each[:3] for each in trail[1:]] == [
        ("session.open", "invalid_credentials", None),
        ("session.open", "invalid_credentials", None),
        ("session.open", "done", nurse.user_id),
    ]
    assert [each[3] for each in trail[1:3]] == [nurse.user_id, None]
    assert not any("wrong" in str(row.detail) or "somebody" in str(row.detail) for row in rows)


@pytest.mark.parametrize("form", [{}, {"username": "a@example.org"}, {"password": PASSWORD}, {"grant_type": "magic"}])
async def test_an_incomplete_form_names_what_is_missing(
    site: Site, sqlite_database: object, form: dict[str, str]
) -> None:
    answer = await site.client.post("/auth/login", data=form)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert {each["name"] for each in answer.json()["fields"]} <= {"username", "password", "grant_type"}
    as_json = await site.client.post("/auth/login", json={"username": "a@example.org", "password": PASSWORD})
    assert as_json.status_code == 422


async def test_a_refresh_token_is_traded_once(site: Site, nurse: Person, clock: FixedClock) -> None:
    first = await site.tokens(nurse.email)
    second = await site.refresh(first["refresh_token"])
    assert (second.status_code, second.json()["token_type"]) == (200, "bearer")
    assert second.json()["refresh_token"] != first["refresh_token"]
    third = await site.refresh(second.json()["refresh_token"])
    assert third.status_code == 200
    assert (await site.me(third.json()["access_token"])).status_code == 200
    again = await site.refresh(first["refresh_token"])
    assert (again.status_code, again.json()["code"]) == (401, "invalid_token")
    for pair in (first, second.json(), third.json()):
        assert (await site.me(pair["access_token"])).status_code == 401, "two had the token, and one of them stole it"
        assert (await site.refresh(pair["refresh_token"])).status_code == 401


async def test_of_twenty_trades_at_once_all_get_the_same(site: Site, nurse: Person) -> None:
    token = (await site.tokens(nurse.email))["refresh_token"]
    answers = await asyncio.gather(*(site.refresh(token) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_an_idle_session_ends_where_the_clinic_says_so(
    site: Site, nurse: Person, settings: Settings, clock: FixedClock, sqlite_database: object
) -> None:
    object.__setattr__(settings, "session_idle_minutes", 60)
    token = (await site.tokens(nurse.email))["refresh_token"]
    clock.advance(timedelta(minutes=59))
    token = (await site.refresh(token)).json()["refresh_token"]
    clock.advance(timedelta(minutes=60))
    assert (await site.refresh(token)).status_code == 401


async def test_logging_out_ends_this_session_and_no_other(site: Site, nurse: Person) -> None:
    phone, laptop = await site.tokens(nurse.email), await site.tokens(nurse.email)
    assert (await site.log_out(phone["access_token"])).status_code == 204
    assert (await site.me(phone["access_token"])).status_code == 401
    assert (await site.log_out(phone["access_token"])).status_code == 401
    assert (await site.refresh(phone["refresh_token"])).status_code == 401
    assert (await site.me(laptop["access_token"])).status_code == 200
    assert (await site.refresh(laptop["refresh_token"])).status_code == 200


async def test_an_access_token_lasts_a_quarter_of_an_hour_and_a_session_thirty_days(
    site: Site, nurse: Person, clock: FixedClock
) -> None:
    tokens = await site.tokens(nurse.email)
    clock.advance(timedelta(minutes=15) - timedelta(seconds=1))
    assert (await site.me(tokens["access_token"])).status_code == 200
    clock.advance(timedelta(seconds=1))
    expired = await site.me(tokens["access_token"])
    assert (expired.status_code, expired.json()["code"]) == (401, "invalid_token")
    clock.advance(timedelta(days=29))
    later = await site.refresh(tokens["refresh_token"])
    assert later.status_code == 200
    clock.advance(timedelta(days=1))
    assert (await site.refresh(later.json()["refresh_token"])).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "Bearer", "é", "x" * 5_000])
async def test_what_is_no_token_of_ours_is_refused(site: Site, sqlite_database: object, token: str) -> None:
    headers = {b"Authorization": f"Bearer {token}".encode()}
    answer = await site.client.get("/auth/me", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    # Where nobody needs to log in, a bad token is refused all the same: it is no visitor without one.
    public = await site.client.get("/slots", headers=headers, params={
        "doctor_id": str(UUID(int=1)), "from": "2031-03-03", "to": "2031-03-03"})  # fmt: skip
    assert public.status_code == 401
    refreshed = await site.refresh(token)
    assert refreshed.status_code == (401 if 0 < len(token) <= 200 else 422)


async def test_tokens_signed_by_another_key_or_for_no_session_are_worthless(
    site: Site, clinic: Clinic, nurse: Person, sqlite_database: object
) -> None:
    forged = Tokens("another key of more than thirty-two bytes", timedelta(minutes=15))
    now = clinic.clock.now()
    tokens = [
        forged.issue(nurse.user_id, nurse.actor.session_id, now),
        clinic.tokens.issue(nurse.user_id, nurse.user_id, now),
        clinic.tokens.issue((await clinic.staff(Role.ADMIN)).user_id, nurse.actor.session_id, now),
    ]
    for token in tokens:
        answer = await site.me(token)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_neither_password_nor_refresh_token_is_kept_as_it_is(site: Site, clinic: Clinic, nurse: Person) -> None:
    token = (await site.tokens(nurse.email))["refresh_token"]
    async with clinic.database.reads() as session:
        hashes = (await session.scalars(text("SELECT refresh_hash FROM login_sessions"))).all()
        passwords = (await session.scalars(text("SELECT password_hash FROM users"))).all()
    assert token.encode() not in b" ".join(bytes(each) for each in hashes)
    assert passwords
    assert all(each.startswith("1:$2b$") and PASSWORD not in each for each in passwords)


async def test_opening_refreshing_and_ending_a_session_are_in_the_trail(
    site: Site, clinic: Clinic, nurse: Person
) -> None:
    tokens = (await site.refresh((await site.tokens(nurse.email))["refresh_token"])).json()
    await site.log_out(tokens["access_token"])
    async with clinic.database.reads() as session:
        query = select(AuditEvent).where(AuditEvent.entity == "session").order_by(AuditEvent.id)
        rows = (await session.scalars(query)).all()[1:]
    assert [row.action for row in rows] == ["session.open", "session.refresh", "session.end"]
    assert len({row.entity_id for row in rows}) == 1
    assert {row.actor_id for row in rows} == {nurse.user_id}
