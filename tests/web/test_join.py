"""Accepting an invitation: the page, and what it sends."""

import asyncio
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.accounts.models import User
from appointed.core.settings import Settings
from appointed.patients.codes import invitation_code
from appointed.patients.models import Invitation

from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic

CHILD = {"first_name": "Kim", "last_name": "Sample", "birth_date": "2021-05-17"}
POLICY = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "form-action 'self'",
    "base-uri 'none'", "frame-ancestors 'none'", "img-src 'self' data:",
}  # fmt: skip


class Elements(HTMLParser):
    """The elements of a page, with their attributes and the text directly in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), []))

    def handle_data(self, data: str) -> None:
        if self.found:
            self.found[-1][2].append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes, _ in self.found if name == tag]


@pytest.mark.parametrize("path", ["/join", "/join/"])
async def test_the_page_is_for_everybody_and_lets_nothing_foreign_in(
    client: httpx.AsyncClient, sqlite_database: object, path: str
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert set(answer.headers["content-security-policy"].split("; ")) == POLICY
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_page_works_under_its_own_policy(client: httpx.AsyncClient, sqlite_database: object) -> None:
    page = Elements((await client.get("/join")).text)
    for tag, attributes, text in page.found:
        assert tag != "style"
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert tag != "script" or not "".join(text).strip()
    sources = [script["src"] for script in page.named("script")]
    sheets = [link["href"] for link in page.named("link") if link["rel"] == "stylesheet"]
    assert (sources, sheets) == (["/static/link.js"], ["/static/appointed.css"])
    for path, kind in (("/static/link.js", "javascript"), ("/static/appointed.css", "css")):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert kind in answer.headers["content-type"]


async def test_the_page_can_be_used_by_keyboard_screen_reader_and_password_manager(
    client: httpx.AsyncClient, sqlite_database: object
) -> None:
    page = Elements((await client.get("/join")).text)
    assert page.named("html")[0]["lang"] == "en"
    labelled = {label["for"] for label in page.named("label")}
    fields = {field["id"]: field for field in page.named("input")}
    assert set(fields) == labelled == {"code", "password", "show"}
    assert fields["password"]["autocomplete"] == "new-password"
    assert not [field for field in fields.values() if "onpaste" in field or "readonly" in field]
    assert [each for _, each, _ in page.found if each.get("role") == "alert"]


async def test_the_clinics_name_is_text_on_the_page(
    client: httpx.AsyncClient, settings: Settings, sqlite_database: object
) -> None:
    object.__setattr__(settings, "clinic_name", "<script>alert(1)</script> & Sons")
    html = (await client.get("/join")).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Sons" in html
    assert len(Elements(html).named("script")) == 1


async def invited(client: httpx.AsyncClient, clinic: Clinic, email: str = "kim@example.org") -> tuple[Any, str]:
    """A patient without a login, and the code in the link that was mailed."""
    desk = await clinic.staff(Role.RECEPTIONIST)
    patient = (await client.post("/patients/new-patient", headers=dict(desk.headers), json=CHILD)).json()
    answer = await client.post(f"/patients/{patient['id']}/invite", headers=dict(desk.headers), json={"email": email})
    assert (answer.status_code, answer.json()["email"]) == (201, email)
    async with clinic.database.reads() as session:
        invitation_id = (await session.scalars(select(Invitation.id).where(Invitation.email == email))).one()
    code = invitation_code(clinic.settings.secret_key.get_secret_value(), invitation_id)
    assert code not in answer.text
    return patient, code


async def join(client: httpx.AsyncClient, code: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/patients/join", json={"code": code, "password": password})


async def test_an_invitation_becomes_a_login(client: httpx.AsyncClient, clinic: Clinic) -> None:
    patient, code = await invited(client, clinic)
    joined = await join(client, code)
    assert (joined.status_code, joined.json()["id"]) == (201, patient["id"])
    assert "record_number" not in joined.json()
    form = {"username": "Kim@Example.org", "password": PASSWORD}
    login = await client.post("/auth/login", data=form)
    assert login.status_code == 200
    headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
    me = await client.get("/patients/me", headers=headers)
    assert (me.status_code, me.json()["id"], me.json()["birth_date"]) == (200, patient["id"], CHILD["birth_date"])


async def test_an_invitation_works_once(client: httpx.AsyncClient, clinic: Clinic) -> None:
    _, code = await invited(client, clinic)
    assert (await join(client, code)).status_code == 201
    again = await join(client, code, "another password")
    assert (again.status_code, again.json()["code"]) == (410, "invitation_spent")
    answer = await client.post("/auth/login", data={"username": "kim@example.org", "password": "another password"})
    assert answer.status_code == 401


async def test_an_invitation_lasts_a_week(client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock) -> None:
    _, code = await invited(client, clinic)
    clock.advance(timedelta(days=7))
    late = await join(client, code)
    assert (late.status_code, late.json()["code"]) == (410, "invitation_spent")
    clock.advance(-timedelta(seconds=1))
    assert (await join(client, code)).status_code == 201


async def test_of_two_invitations_of_one_patient_one_can_be_used(client: httpx.AsyncClient, clinic: Clinic) -> None:
    patient, code = await invited(client, clinic)
    desk = await clinic.staff(Role.RECEPTIONIST)
    await client.post(f"/patients/{patient['id']}/invite", headers=dict(desk.headers), json={"email": "b@example.org"})
    async with clinic.database.reads() as session:
        other = (await session.scalars(select(Invitation.id).where(Invitation.email == "b@example.org"))).one()
    assert (await join(client, code)).status_code == 201
    second = await join(client, invitation_code(clinic.settings.secret_key.get_secret_value(), other))
    assert (second.status_code, second.json()["code"]) == (410, "invitation_spent")


async def test_an_address_with_a_login_is_refused_and_the_invitation_kept(
    client: httpx.AsyncClient, clinic: Clinic
) -> None:
    somebody = await clinic.patient()
    _, code = await invited(client, clinic, somebody.email)
    for _ in range(2):
        taken = await join(client, code)
        assert (taken.status_code, taken.json()["code"]) == (409, "email_taken")
    async with clinic.database.reads() as session:
        assert (await session.scalars(select(Invitation.used_at))).one() is None


@pytest.mark.parametrize("change", ["", "x", "A" * 43, "é", "*" * 43, None])
async def test_a_code_that_was_never_sent_is_worth_nothing(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object, change: str | None
) -> None:
    _, code = await invited(client, clinic)
    wrong = await join(client, code[:-2] + ("AA" if code[-2:] != "AA" else "BB") if change is None else change)
    assert wrong.status_code == (422 if change == "" else 410)
    async with clinic.database.reads() as session:
        assert (await session.scalars(select(User.id).where(User.email == "kim@example.org"))).first() is None


@pytest.mark.parametrize("own", ["kim sample", "elpmasmik!", "example.org", "appointed clinic"])
async def test_a_password_of_ones_own_name_is_refused_and_the_invitation_kept(
    own: str, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    _, code = await invited(client, clinic, "kim.sample@example.org")
    refused = await join(client, code, own)
    assert (refused.status_code, refused.json()["fields"][0]["code"]) == (422, "password_too_easy")
    assert (await join(client, code)).status_code == 201


async def test_a_short_password_is_refused_by_name_and_not_repeated(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    _, code = await invited(client, clinic)
    answer = await join(client, code, "tiny-1")
    assert (answer.status_code, answer.json()["fields"][0]["name"]) == (422, "password")
    assert "tiny-1" not in answer.text
    assert (await join(client, code)).status_code == 201


async def test_of_many_who_use_an_invitation_at_once_one_gets_the_login(
    client: httpx.AsyncClient, clinic: Clinic
) -> None:
    _, code = await invited(client, clinic)
    answers = await asyncio.gather(*(join(client, code, f"password of {number}") for number in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 410, 410, 410, 410]
