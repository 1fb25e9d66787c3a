"""Texts that databases disagree about: kept as they were sent, found as people look for them, and told apart."""

import httpx
import pytest

from appointed.accounts.actor import Role

from .access.matrix import Who
from .access.world import World, world_of
from .support.factories import PASSWORD, Clinic

NASTY = [
    "Zoë 🐴👩🏽‍⚕️", "100%_sure", "back\\slash\\", "O'Neil \"Q\" `x`", "Straße", "Işık", "İnci", "Ame\u0301lie", "Amélie",
    "ﬁnn", "שלום\u202e", "NULL", "--'; DROP TABLE patients;", "a\u200bb\ufeff", "𝒜𝓂𝓎", "Ａｎｎａ", "a\tb", "\ue000",
    "%", "_", "\\", "ß" * 100, "ﷺ" * 100,
]  # fmt: skip
# How people look for it, in the letters that their keyboards have.
FOUND_BY = {
    "Straße": "strasse", "Amélie": "amelie", "Ame\u0301lie": "AMELIE", "İnci": "inci", "Ａｎｎａ": "anna",
    "ﬁnn": "finn", "100%_sure": "100%", "back\\slash\\": "back\\", "O'Neil \"Q\" `x`": "o'neil", "𝒜𝓂𝓎": "amy",
    "🐴 Zoë": "🐴",
}  # fmt: skip
# Alike for a database that folds too much, and two mailboxes for those who have them.
APART = [
    ("strasse@example.org", "straße@example.org"), ("isik@example.org", "ısık@example.org"),
    ("amelie@example.org", "amélie@example.org"), ("o@example.org", "ø@example.org"),
    ("ae@example.org", "æ@example.org"), ("x@fass.example", "x@faß.example"), ("a_b@example.org", "axb@example.org"),
    ("a%@example.org", "ab@example.org"),
]  # fmt: skip
ALIKE = [
    ("amélie@example.org", "ame\u0301lie@example.org"), ("ann@example.org", "ANN@EXAMPLE.ORG"),
    ("zoë@example.org", "ZOË@example.org"), ("bob@example.org", "  bob@example.org  "),
    ("k@example.org", "\u212a@example.org"),
]  # fmt: skip


@pytest.fixture
async def world(clinic: Clinic) -> World:
    made = await world_of(clinic)
    await made.enter(Who.RECEPTIONIST)
    return made


async def register(client: httpx.AsyncClient, email: str, **profile: str) -> httpx.Response:
    body = {"email": email, "password": PASSWORD, "first_name": "Pat", "last_name": "Sample"} | profile
    return await client.post("/patients/new-patient", json=body)


async def test_every_text_is_kept_as_it_was_sent(world: World, client: httpx.AsyncClient) -> None:
    for number, text in enumerate(NASTY):
        profile = dict.fromkeys(("first_name", "last_name", "preferred_name", "address", "insurance_provider"), text)
        made = await register(client, f"nasty{number}@example.org", **profile)
        assert made.status_code == 201, made.text
        kept = (await client.get(f"/patients/{made.json()['id']}", headers=world.headers)).json()
        assert {name: kept[name] for name in profile} == profile


async def test_names_are_found_in_plain_letters_and_nothing_stands_for_anything(
    world: World, client: httpx.AsyncClient
) -> None:
    names = list(FOUND_BY)
    for number, name in enumerate([*names, "1000sure", "backxslash", "Other"]):
        assert (await register(client, f"found{number}@example.org", last_name=name)).status_code == 201
    for name, query in FOUND_BY.items():
        assert name in await found(client, world, query), query
    assert await found(client, world, "100%") == ["100%_sure"]
    assert await found(client, world, "back\\") == ["back\\slash\\"]
    for wildcard in ("%", "_", "\\", "%a", "1__", "[a-z]", "*", "?"):
        assert await found(client, world, wildcard) == []


async def found(client: httpx.AsyncClient, world: World, query: str) -> list[str]:
    answer = await client.get("/patients", params={"q": query}, headers=world.headers)
    assert answer.status_code == 200, answer.text
    return [item["last_name"] for item in answer.json()["items"]]


async def test_no_query_fails_whatever_it_looks_for(world: World, client: httpx.AsyncClient) -> None:
    for text in (
        *NASTY,
        *(address for pair in (*APART, *ALIKE) for address in pair),
        "\u0301",
        "\ufeff",
        "ﷺ" * 200,
    ):
        query = text[:200]
        for path, name in (("/patients", "q"), ("/doctors", "q"), ("/doctors", "specialization")):
            answer = await client.get(path, params={name: query}, headers=world.headers)
            assert answer.status_code == 200, f"{path} {query!r}: {answer.text}"


@pytest.mark.parametrize(("one", "other"), APART)
async def test_two_mailboxes_are_two(one: str, other: str, client: httpx.AsyncClient, clinic: Clinic) -> None:
    assert (await register(client, one)).status_code == 201
    answer = await register(client, other)
    assert answer.status_code == 201, answer.text
    for email in (one, other):
        login = await client.post("/auth/login", data={"username": email, "password": PASSWORD})
        me = await client.get("/auth/me", headers={"Authorization": f"Bearer {login.json()['access_token']}"})
        assert me.json()["email"] == email


@pytest.mark.parametrize(("one", "other"), ALIKE)
async def test_one_mailbox_is_one_however_it_is_written(
    one: str, other: str, client: httpx.AsyncClient, clinic: Clinic
) -> None:
    assert (await register(client, one)).status_code == 201
    again = await register(client, other)
    assert (again.status_code, again.json()["code"]) == (409, "email_taken")
    login = await client.post("/auth/login", data={"username": other, "password": PASSWORD})
    assert login.status_code == 200


async def test_addresses_are_looked_up_exactly(client: httpx.AsyncClient, clinic: Clinic) -> None:
    desk = await clinic.staff(Role.RECEPTIONIST)
    for number, (one, other) in enumerate(APART):
        for which, email in (("one", one), ("other", other)):
            await register(client, email, first_name=f"{which}{number}")
        for which, email in (("one", one), ("other", other)):
            answer = await client.get("/patients", params={"q": email}, headers=desk.headers)
            assert [item["first_name"] for item in answer.json()["items"]] == [f"{which}{number}"], email


async def test_keys_that_end_in_blanks_are_two_keys(world: World, client: httpx.AsyncClient) -> None:
    await world.enter(Who.PATIENT)
    answers = []
    for number, key in enumerate(['"key"', '"key "', '"key  "', '"KEY"', '" key"', '  "key"  ']):
        body = {"doctor_id": str(world.doctor.profile_id), "starts_at": f"2031-03-03T1{number}:00:00Z"}
        answers.append(await client.post("/appointments", json=body, headers=world.headers | {"Idempotency-Key": key}))
    assert [answer.status_code for answer in answers] == [201, 201, 201, 201, 201, 422]
    assert answers[-1].json()["code"] == "idempotency_key_reused"


async def test_notes_of_any_letters_come_back(world: World, client: httpx.AsyncClient) -> None:
    await world.enter(Who.DOCTOR)
    notes = "\n".join(NASTY) + "\r\n  trailing  "
    path = f"/medical-records/new-medical-report/{world.patient.id}"
    body = {"notes": notes, "title": "🩺" * 300, "diagnoses": [{"system": "ﷺ", "code": "%_\\", "display": "'\""}]}
    written = (await client.post(path, json=body, headers=world.headers)).json()
    read = (await client.get(f"/medical-records/record/{written['id']}", headers=world.headers)).json()
    assert (read["notes"], read["title"], read["diagnoses"]) == (notes, body["title"], body["diagnoses"])
