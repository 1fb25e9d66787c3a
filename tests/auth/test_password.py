"""Changing a password, and getting a new one when it is forgotten."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from appointed.accounts.actor import Role
from appointed.accounts.errors import LinkSpent
from appointed.accounts.models import AccountLink, User
from appointed.accounts.passwords import Hasher
from appointed.accounts.rules import Purpose
from appointed.audit.models import AuditEvent
from appointed.core.codes import code_of, id_in
from appointed.core.db import transaction
from appointed.core.outbox import OutboxMessage
from appointed.dispatch import deliver_due
from appointed.notifications.context import Context

from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic, Person
from ..support.mailbox import MemoryMailbox, text_of

NEW = "another sentence is better"
HOUR = timedelta(hours=1)


class Site:
    """Logs in, changes passwords, and reads the mails about them."""

    def __init__(self, client: httpx.AsyncClient, clinic: Clinic) -> None:
        self.client, self.clinic, self.mailbox = client, clinic, MemoryMailbox()

    async def log_in(self, who: Person, password: str = PASSWORD) -> Any:
        return await self.client.post("/auth/login", data={"username": who.email, "password": password})

    async def headers(self, who: Person) -> dict[str, str]:
        return {"Authorization": f"Bearer {(await self.log_in(who)).json()['access_token']}"}

    async def change(self, headers: Any, current: str = PASSWORD, new: str = NEW) -> httpx.Response:
        body = {"current_password": current, "new_password": new}
        return await self.client.post("/auth/password", json=body, headers=dict(headers))

    async def ask(self, email: str) -> httpx.Response:
        return await self.client.post("/auth/password-reset", json={"email": email})

    async def reset(self, code: str, password: str = NEW) -> httpx.Response:
        return await self.client.post("/auth/password-reset/confirm", json={"code": code, "password": password})

    async def letters(self) -> list[Any]:
        """What was mailed since the last time."""
        context = Context(self.clinic.database, self.clinic.clock, self.clinic.settings, self.mailbox)
        self.mailbox.letters.clear()
        await deliver_due(context, limit=50)
        return self.mailbox.letters

    async def code(self, who: Person) -> str:
        """The code in the link that somebody was mailed."""
        assert (await self.ask(who.email)).status_code == 202
        (letter,) = [each for each in await self.letters() if each["To"] == who.email]
        (link,) = [line for line in text_of(letter).splitlines() if "#" in line]
        assert link in text_of(letter, "html")
        page, _, code = link.partition("#")
        assert page == "http://127.0.0.1:8000/reset-password"
        return code


@pytest.fixture
def site(client: httpx.AsyncClient, clinic: Clinic) -> Site:
    return Site(client, clinic)


@pytest.fixture
async def nurse(clinic: Clinic) -> Person:
    return await clinic.staff(Role.NURSE)


# --- changing it -----------------------------------------------------------------------------------------------------


async def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(site: Site, nurse: Person) -> None:
    here = await site.headers(nurse)
    assert (await site.change(here)).status_code == 204
    assert (await site.client.get("/auth/me", headers=here)).status_code == 200
    assert (await site.client.get("/auth/me", headers=dict(nurse.headers))).status_code == 401
    assert [(await site.log_in(nurse, password)).status_code for password in (PASSWORD, NEW)] == [401, 200]
    letters = await site.letters()
    assert [(each["To"], each["Subject"]) for each in letters] == [
        (nurse.email, "Your password for Appointed Clinic was changed")]  # fmt: skip


async def test_a_new_password_needs_the_current_one(site: Site, nurse: Person) -> None:
    refused = await site.change(nurse.headers, current="a wrong one")
    assert (refused.status_code, refused.json()["code"]) == (422, "wrong_password")
    assert refused.json()["fields"][0]["name"] == "current_password"
    assert (await site.log_in(nurse)).status_code == 200
    async with site.clinic.database.reads() as session:
        query = select(AuditEvent).where(AuditEvent.action == "user.password")
        (row,) = (await session.scalars(query)).all()
    assert (row.outcome, row.actor_id, row.entity_id) == ("wrong_password", nurse.user_id, nurse.user_id)


async def test_guessing_the_current_password_locks_the_account_like_logging_in(
    site: Site, nurse: Person, sqlite_database: object
) -> None:
    answers = [(await site.change(nurse.headers, current=f"wrong {number}")).status_code for number in range(5)]
    assert answers == [422] * 5
    early = await site.change(nurse.headers)
    assert (early.status_code, early.json()["code"], early.headers["retry-after"]) == (429, "too_many_requests", "30")
    assert (await site.log_in(nurse)).status_code == 429


@pytest.mark.parametrize("new", ["password1", "Robin2031", "staff1staff1", "short", "appointedclinic"])
async def test_a_new_password_that_is_easy_is_refused(
    site: Site, nurse: Person, sqlite_database: object, new: str
) -> None:
    refused = await site.change(nurse.headers, new=new)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert [field["name"] for field in refused.json()["fields"]] == ["new_password"]
    assert new not in refused.text
    assert (await site.log_in(nurse)).status_code == 200


@pytest.mark.parametrize("password", ["Sample2031", "samplepat", "password"])
async def test_nobody_registers_with_a_password_made_of_their_name(
    site: Site, sqlite_database: object, password: str
) -> None:
    body = {"email": "pat@example.org", "first_name": "Pat", "last_name": "Sample"}
    refused = await site.client.post("/patients/new-patient", json=body | {"password": password})
    assert [(each["name"], each["code"]) for each in refused.json()["fields"]] == [("password", "password_too_easy")]
    assert (await site.client.post("/patients/new-patient", json=body | {"password": NEW})).status_code == 201


# --- forgetting it ---------------------------------------------------------------------------------------------------


async def test_a_mailed_link_sets_a_new_password_and_ends_every_session(site: Site, nurse: Person) -> None:
    here = await site.headers(nurse)
    code = await site.code(nurse)
    assert (await site.reset(code)).status_code == 204
    assert (await site.client.get("/auth/me", headers=here)).status_code == 401
    assert [(await site.log_in(nurse, password)).status_code for password in (PASSWORD, NEW)] == [401, 200]
    again = await site.reset(code, "a third sentence is best")
    assert (again.status_code, again.json()["code"]) == (410, "link_spent")


async def test_a_link_lasts_an_hour(site: Site, nurse: Person, clock: FixedClock) -> None:
    code = await site.code(nurse)
    clock.advance(HOUR)
    assert (await site.reset(code)).status_code == 410
    clock.advance(-timedelta(microseconds=1))
    assert (await site.reset(code)).status_code == 204


async def test_of_many_who_use_a_link_at_once_one_sets_the_password(site: Site, nurse: Person) -> None:
    codes = [await site.code(nurse), await site.code(nurse)]
    answers = await asyncio.gather(*(site.reset(codes[number % 2], f"sentence number {number}") for number in range(6)))
    assert sorted(answer.status_code for answer in answers) == [204, 410, 410, 410, 410, 410]


async def test_a_new_password_lets_a_locked_account_in(site: Site, nurse: Person) -> None:
    for _ in range(7):
        await site.log_in(nurse, "a wrong one")
    assert (await site.log_in(nurse)).status_code == 429
    assert (await site.reset(await site.code(nurse))).status_code == 204
    assert (await site.log_in(nurse, NEW)).status_code == 200


async def test_nothing_tells_whether_somebody_has_the_address(site: Site, clinic: Clinic, nurse: Person) -> None:
    gone = await clinic.staff(Role.NURSE)
    async with transaction(clinic.database.writes) as session:
        await session.execute(update(User).where(User.id == gone.user_id).values(is_active=False))
    answers, left = [], []
    for email in (nurse.email, gone.email, "nobody@example.org"):
        answers.append(await site.ask(email))
        async with clinic.database.reads() as session:
            left.append([await session.scalar(select(func.count()).select_from(table)) or 0
                         for table in (AccountLink, OutboxMessage, AuditEvent)])  # fmt: skip
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    steps = [[after - before for before, after in zip(*pair, strict=True)] for pair in pairwise(left)]
    assert steps == [[1, 1, 1], [1, 1, 1]]
    assert [each["To"] for each in await site.letters()] == [nurse.email]


async def test_a_mailbox_is_not_filled(site: Site, nurse: Person, clock: FixedClock, sqlite_database: object) -> None:
    assert {(await site.ask(nurse.email)).status_code for _ in range(5)} == {202}
    assert len(await site.letters()) == 3
    clock.advance(HOUR)
    await site.ask(nurse.email)
    assert len(await site.letters()) == 1


async def test_a_changed_password_voids_the_link(site: Site, nurse: Person, sqlite_database: object) -> None:
    code = await site.code(nurse)
    await site.change(nurse.headers)
    assert (await site.reset(code, "a third sentence is best")).status_code == 410


async def test_an_easy_password_is_refused_and_the_link_kept(
    site: Site, nurse: Person, sqlite_database: object
) -> None:
    code = await site.code(nurse)
    for easy in ("password1", "robindesk7"):
        assert (await site.reset(code, easy)).json()["fields"][0]["code"] == "password_too_easy"
    assert (await site.reset(code)).status_code == 204


@pytest.mark.parametrize("change", [lambda code: code[:-2], lambda code: code + "A", lambda code: "A" * len(code),
                                    lambda code: f"é{code}", lambda code: code.swapcase()])  # fmt: skip
async def test_a_code_that_was_never_mailed_is_worth_nothing(
    site: Site, nurse: Person, sqlite_database: object, change: Callable[[str], str]
) -> None:
    code = await site.code(nurse)
    refused = await site.reset(change(code))
    assert (refused.status_code, refused.json()["detail"]) == (410, LinkSpent.detail)


async def test_an_invitations_code_is_no_code_for_a_password(
    site: Site, nurse: Person, clinic: Clinic, sqlite_database: object
) -> None:
    key = clinic.settings.secret_key.get_secret_value()
    link_id = id_in(key, Purpose.PASSWORD_RESET, await site.code(nurse))
    assert link_id
    assert (await site.reset(code_of(key, "invitation", link_id))).status_code == 410


# --- how it is kept --------------------------------------------------------------------------------------------------


async def test_who_logs_in_gets_a_hash_of_todays_cost(app: FastAPI, site: Site, nurse: Person) -> None:
    app.state.appointed = replace(app.state.appointed, hasher=Hasher(5))
    for _ in range(2):
        assert (await site.log_in(nurse, "a wrong one")).status_code == 401
        assert (await hash_of(site, nurse)).startswith("1:$2b$04$")
    assert (await site.log_in(nurse)).status_code == 200
    renewed = await hash_of(site, nurse)
    assert renewed.startswith("1:$2b$05$")
    assert (await site.log_in(nurse)).status_code == 200
    assert await hash_of(site, nurse) == renewed
    assert (await site.client.get("/auth/me", headers=dict(nurse.headers))).status_code == 200


async def test_a_password_does_not_grow_old(site: Site, nurse: Person, clock: FixedClock) -> None:
    clock.advance(timedelta(days=20 * 365))
    assert (await site.log_in(nurse)).status_code == 200


async def hash_of(site: Site, who: Person) -> str:
    async with site.clinic.database.reads() as session:
        found: str = (await session.scalars(select(User.password_hash).where(User.id == who.user_id))).one()
    return found
