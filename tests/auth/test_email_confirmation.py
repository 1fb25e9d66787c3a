"""Confirming that an address is one's own, and booking only after it where the clinic says so."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.accounts.models import User
from appointed.core.settings import Settings

from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic, Person
from ..support.mailbox import text_of
from .test_password import Site

NINE = "2031-03-03T09:00:00Z"


@pytest.fixture
def site(client: httpx.AsyncClient, clinic: Clinic) -> Site:
    return Site(client, clinic)


async def register(site: Site, **more: str) -> dict[str, str]:
    """The headers of a patient who has just registered."""
    body = {"email": "pat@example.org", "password": PASSWORD, "first_name": "Pat", "last_name": "Sample"}
    assert (await site.client.post("/patients/new-patient", json=body | more)).status_code == 201
    form = {"username": "pat@example.org", "password": PASSWORD}
    return {"Authorization": f"Bearer {(await site.client.post('/auth/login', data=form)).json()['access_token']}"}


async def code(site: Site) -> str:
    (letter,) = await site.letters()
    assert letter["To"] == "pat@example.org"
    (link,) = [line for line in text_of(letter).splitlines() if "#" in line]
    page, _, found = link.partition("#")
    assert page == "http://127.0.0.1:8000/confirm-email"
    return found


async def confirm(site: Site, found: str) -> httpx.Response:
    return await site.client.post("/auth/email-confirmation/confirm", json={"code": found})


async def is_verified(site: Site, headers: dict[str, str]) -> bool:
    said: Any = (await site.client.get("/auth/me", headers=headers)).json()
    return bool(said["is_email_verified"])


async def test_who_registers_is_mailed_a_link_that_confirms_the_address_once(site: Site) -> None:
    headers = await register(site)
    found = await code(site)
    assert not await is_verified(site, headers)
    assert (await confirm(site, found)).status_code == 204
    assert await is_verified(site, headers)
    again = await confirm(site, found)
    assert (again.status_code, again.json()["code"]) == (410, "link_spent")


@pytest.mark.parametrize("contact", ["pat@example.org", "family@example.org"])
async def test_the_link_goes_to_the_login_and_to_no_other_address(
    site: Site, sqlite_database: object, contact: str
) -> None:
    await register(site, contact_email=contact)
    letters = await site.letters()
    assert {each["To"] for each in letters} == {"pat@example.org", contact}
    assert [each["To"] for each in letters if "confirm-email#" in text_of(each)] == ["pat@example.org"]
    assert len(letters) == len({"pat@example.org", contact})


async def test_the_link_can_be_had_again_until_it_is_used(site: Site, sqlite_database: object) -> None:
    headers = await register(site)
    first = await code(site)
    assert (await site.client.post("/auth/email-confirmation", headers=headers)).status_code == 202
    second = await code(site)
    assert (await confirm(site, second)).status_code == 204
    assert (await confirm(site, first)).status_code == 410
    assert (await site.client.post("/auth/email-confirmation", headers=headers)).status_code == 202
    assert await site.letters() == []


async def test_a_link_lasts_a_week(site: Site, clock: FixedClock, sqlite_database: object) -> None:
    await register(site)
    found = await code(site)
    clock.advance(timedelta(days=7))
    assert (await confirm(site, found)).status_code == 410
    clock.advance(-timedelta(seconds=1))
    assert (await confirm(site, found)).status_code == 204


@pytest.mark.parametrize("wrong", ["x", "é", "A" * 43])
async def test_a_code_that_was_never_mailed_confirms_nothing(site: Site, sqlite_database: object, wrong: str) -> None:
    headers = await register(site)
    assert (await confirm(site, wrong)).status_code == 410
    assert not await is_verified(site, headers)


async def test_a_code_for_a_password_confirms_nothing_but_using_it_does(site: Site, sqlite_database: object) -> None:
    headers = await register(site)
    await site.letters()
    await site.ask("pat@example.org")
    (letter,) = await site.letters()
    (link,) = [line for line in text_of(letter).splitlines() if "#" in line]
    found = link.partition("#")[2]
    assert (await confirm(site, found)).status_code == 410
    assert not await is_verified(site, headers)
    assert (await site.reset(found)).status_code == 204
    async with site.clinic.database.reads() as session:
        verified = await session.scalar(select(User.email_verified_at).where(User.email == "pat@example.org"))
    assert verified == site.clinic.clock.now()


async def book(site: Site, headers: dict[str, str], doctor: Person, path: str = "", **more: Any) -> httpx.Response:
    body = {"doctor_id": str(doctor.id), "starts_at": NINE} | more
    return await site.client.post(f"/appointments{path}", json=body, headers=headers)


async def test_nobody_books_unconfirmed_where_the_clinic_says_so(
    site: Site, settings: Settings, clinic: Clinic
) -> None:
    object.__setattr__(settings, "require_verified_email", True)
    headers, doctor = await register(site), await clinic.doctor()
    for path in ("", "/holds"):
        refused = await book(site, headers, doctor, path)
        assert (refused.status_code, refused.json()["code"]) == (403, "email_not_verified")
    assert (await confirm(site, await code(site))).status_code == 204
    assert (await book(site, headers, doctor)).status_code == 201


async def test_elsewhere_the_unconfirmed_book_and_so_does_the_desk_everywhere(
    site: Site, settings: Settings, clinic: Clinic, sqlite_database: object
) -> None:
    headers, doctor = await register(site), await clinic.doctor()
    assert (await book(site, headers, doctor)).status_code == 201
    object.__setattr__(settings, "require_verified_email", True)
    desk, pat = await clinic.staff(Role.RECEPTIONIST), await clinic.patient()
    booked = await book(site, dict(desk.headers), doctor, starts_at="2031-03-03T10:00:00Z", patient_id=str(pat.id))
    assert booked.status_code == 201
