"""Who looks after a patient: entered by the desk, or named by the patient and confirmed by the desk."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.accounts.scopes import Scope
from appointed.app import create_app
from appointed.core.db import Database
from appointed.core.settings import Settings
from appointed.patients.relations import MOST
from tests.oauth.machines import pair
from tests.support.app import client_of, running
from tests.support.clock import FixedClock
from tests.support.factories import PASSWORD, Clinic, Person
from tests.support.interference import counted
from tests.support.racing import at_once, tally
from tests.support.related import born, relate

CARER = {"relationship": "carer", "may_book": True}


def path_of(patient: Person, *rest: str) -> str:
    return "/".join((f"/patients/{patient.profile_id}/related-people", *rest))


async def logged_in(client: httpx.AsyncClient, person: Person) -> dict[str, str]:
    answer = await client.post("/auth/login", data={"username": person.email, "password": PASSWORD})
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.RECEPTIONIST)


@pytest.fixture
async def pat(clinic: Clinic) -> Person:
    return await clinic.patient()


@pytest.fixture
async def robin(clinic: Clinic) -> Person:
    return await clinic.patient(first_name="Robin")


# --- the desk --------------------------------------------------------------------------------------------------------


async def test_a_machine_looks_after_nobody(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, pat: Person, sqlite_database: Database
) -> None:
    machine = await clinic.machine([pair().jwk], Scope.PATIENTS_READ)
    body = {"user_id": str(machine.user_id), "relationship": "carer", "may_read": True}
    answer = await client.post(path_of(pat), json=body, headers=desk.headers)
    assert (answer.status_code, answer.json()["fields"][0]["code"]) == (422, "unknown")


@pytest.mark.parametrize("named", ["email", "user_id"])
async def test_whom_the_desk_enters_counts_at_once(
    named: str, client: httpx.AsyncClient, desk: Person, pat: Person, robin: Person
) -> None:
    whom = {"email": robin.email} if named == "email" else {"user_id": str(robin.user_id)}
    body = CARER | whom | {"may_read": True, "valid_until": "2031-12-31"}
    added = await client.post(path_of(pat), json=body, headers=desk.headers)
    assert added.status_code == 201
    assert (added.json()["user_id"], added.json()["name"]) == (str(robin.user_id), "Robin Sample")
    assert added.json()["verified_at"]
    listed = (await client.get(path_of(pat), headers=desk.headers)).json()["items"]
    assert listed == [added.json()]
    (looked_after,) = (await client.get("/patients/me/looks-after", headers=robin.headers)).json()["items"]
    assert looked_after == {
        "id": added.json()["id"], "patient_id": str(pat.id), "first_name": "Pat", "last_name": "Sample",
        "preferred_name": None, "birth_date": None, "relationship": "carer", "may_book": True, "may_read": True,
        "valid_until": "2031-12-31",
    }  # fmt: skip


async def test_the_desk_changes_what_somebody_may_do(
    client: httpx.AsyncClient, desk: Person, pat: Person, robin: Person, clinic: Clinic, sqlite_database: Database
) -> None:
    relation_id = await relate(clinic, robin, pat, may_read=False)
    profile = f"/patients/{pat.id}"
    assert (await client.get(profile, headers=robin.headers)).status_code == 404
    changed = await client.patch(path_of(pat, str(relation_id)), json={"may_read": True}, headers=desk.headers)
    assert (changed.json()["may_read"], changed.json()["may_book"], changed.json()["relationship"]) == (
        True,
        True,
        "carer",
    )
    assert (await client.get(profile, headers=robin.headers)).status_code == 200
    await client.patch(path_of(pat, str(relation_id)), json={"valid_until": "2031-03-02"}, headers=desk.headers)
    assert (await client.get(profile, headers=robin.headers)).status_code == 404
    await client.patch(path_of(pat, str(relation_id)), json={"valid_until": None}, headers=desk.headers)
    assert (await client.get(profile, headers=robin.headers)).status_code == 200


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an address of nobody": ({"email": "nobody@example.org"}, "422 unknown"),
    "an id of nobody": ({"email": None, "user_id": "019b2f4e-7c1a-7000-8000-000000000001"}, "422 unknown"),
    "neither": ({"email": None}, "422 value_error"),
    "both": ({"user_id": "019b2f4e-7c1a-7000-8000-000000000001"}, "422 value_error"),
    "nothing allowed": ({"may_book": False}, "422 nothing_allowed"),
    "over before it begins": ({"valid_from": "2031-03-04", "valid_until": "2031-03-03"}, "422 invalid"),
    "parent of who knows": ({"relationship": "parent"}, "422 birth_date_unknown"),
    "a friend": ({"relationship": "friend"}, "422 enum"),
}


@pytest.mark.parametrize(("said", "refused"), WRONG.values(), ids=WRONG)
async def test_what_makes_no_sense_is_refused(
    said: dict[str, Any], refused: str, client: httpx.AsyncClient, desk: Person, pat: Person, robin: Person,
    sqlite_database: Database,
) -> None:  # fmt: skip
    body = {name: value for name, value in (CARER | {"email": robin.email} | said).items() if value is not None}
    answer = await client.post(path_of(pat), json=body, headers=desk.headers)
    assert f"{answer.status_code} {answer.json()['fields'][0]['code']}" == refused
    assert (await client.get(path_of(pat), headers=desk.headers)).json()["items"] == []


async def test_nobody_looks_after_themselves_or_twice_after_the_same(
    client: httpx.AsyncClient, desk: Person, pat: Person, robin: Person, sqlite_database: Database
) -> None:
    post = partial(client.post, path_of(pat), headers=desk.headers)
    own = await post(json=CARER | {"email": pat.email})
    assert own.json()["fields"][0]["code"] == "own_login"
    first = await post(json=CARER | {"email": robin.email})
    twice = [await post(json=CARER | whom) for whom in ({"email": robin.email}, {"user_id": str(robin.user_id)})]
    assert tally([first, *twice]) == {"201": 1, "409 already_related": 2}
    await client.delete(path_of(pat, first.json()["id"]), headers=desk.headers)
    assert (await post(json=CARER | {"email": robin.email})).status_code == 201


async def test_two_desks_at_once_enter_somebody_once(
    client: httpx.AsyncClient, desk: Person, pat: Person, robin: Person
) -> None:
    bodies = [CARER | {"email": robin.email}, CARER | {"user_id": str(robin.user_id)}] * 4
    posts = [partial(client.post, path_of(pat), json=body, headers=desk.headers) for body in bodies]
    assert tally(await at_once(posts)) == {"201": 1, "409 already_related": 7}


async def test_staff_who_look_after_somebody_need_not_be_patients(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, sqlite_database: Database
) -> None:
    nurse, doctor = await clinic.staff(Role.NURSE), await clinic.doctor()
    child = await clinic.patient(birth_date=date(2025, 5, 17))
    body = {"relationship": "parent", "may_book": True, "may_read": True, "email": nurse.email}
    assert (await client.post(path_of(child), json=body, headers=desk.headers)).status_code == 201
    headers = await logged_in(client, nurse)
    assert (await client.get("/auth/me", headers=headers)).json()["roles"] == ["nurse", "patient"]
    assert (await client.get("/patients/me", headers=headers)).status_code == 404
    wish = {"doctor_id": str(doctor.id), "starts_at": (clinic.clock.now() + timedelta(hours=2)).isoformat()}
    for_nobody = await client.post("/appointments", json=wish, headers=headers)
    assert for_nobody.json()["fields"][0]["name"] == "patient_id"
    booked = await client.post("/appointments", json=wish | {"patient_id": str(child.id)}, headers=headers)
    assert (booked.status_code, booked.json()["booked_by"]) == (201, str(nurse.user_id))
    cancelled = await client.post(f"/appointments/{booked.json()['id']}/cancel", headers=headers)
    assert cancelled.status_code == 200
    assert (await client.get("/slots", params={"doctor_id": str(doctor.id), "from": "2031-03-03", "to": "2031-03-04"},
                             headers=headers)).status_code == 200  # fmt: skip


# --- the patient -----------------------------------------------------------------------------------------------------


async def test_nothing_tells_a_patient_whether_an_address_is_a_login(
    client: httpx.AsyncClient, pat: Person, robin: Person, clinic: Clinic, sqlite_database: Database
) -> None:
    sent: list[list[str]] = []
    named = []
    for address in (robin.email, "nobody@example.org"):
        with counted(sqlite_database) as statements:
            answer = await client.post(path_of(pat), json=CARER | {"email": address}, headers=pat.headers)
        sent.append(statements[:])
        named.append(answer.json())
        assert answer.status_code == 201
        twice = await client.post(path_of(pat), json=CARER | {"email": address}, headers=pat.headers)
        assert tally([twice]) == {"409 already_related": 1}
    assert sent[0] == sent[1]
    known, unknown = ({**one, "id": "", "email": ""} for one in named)
    assert known == unknown
    assert (known["user_id"], known["name"], known["verified_at"]) == (None, None, None)
    assert (await client.get(path_of(pat), headers=pat.headers)).json()["items"] == named
    by_id = await client.post(path_of(pat), json=CARER | {"user_id": str(robin.user_id)}, headers=pat.headers)
    assert by_id.status_code == 403


async def test_whom_a_patient_names_waits_for_the_desk(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, pat: Person, robin: Person
) -> None:
    body = CARER | {"email": robin.email, "may_read": True}
    named = (await client.post(path_of(pat), json=body, headers=pat.headers)).json()
    profile, confirm = f"/patients/{pat.id}", path_of(pat, named["id"], "confirm")
    assert (await client.get(profile, headers=robin.headers)).status_code == 404
    assert (await client.post(confirm, headers=pat.headers)).status_code == 403
    confirmed = await client.post(confirm, headers=desk.headers)
    assert (confirmed.json()["user_id"], confirmed.json()["name"]) == (str(robin.user_id), "Robin Sample")
    assert (await client.get(profile, headers=robin.headers)).status_code == 200
    assert (await client.post(confirm, headers=desk.headers)).json() == confirmed.json()
    assert (await client.delete(path_of(pat, named["id"]), headers=pat.headers)).status_code == 204
    assert (await client.get(profile, headers=robin.headers)).status_code == 404
    late = [await client.post(confirm, headers=desk.headers),
            await client.patch(path_of(pat, named["id"]), json={"may_read": False}, headers=desk.headers)]  # fmt: skip
    assert tally(late) == {"409 relation_ended": 2}
    assert (await client.delete(path_of(pat, named["id"]), headers=pat.headers)).status_code == 204


async def test_who_has_no_login_yet_is_confirmed_once_they_have(
    client: httpx.AsyncClient, clinic: Clinic, desk: Person, pat: Person, sqlite_database: Database
) -> None:
    body = CARER | {"email": "later@example.org"}
    named = (await client.post(path_of(pat), json=body, headers=pat.headers)).json()
    confirm = path_of(pat, named["id"], "confirm")
    assert tally([await client.post(confirm, headers=desk.headers)]) == {"409 no_login": 1}
    register = {"email": "later@example.org", "password": PASSWORD, "first_name": "Lee", "last_name": "Later"}
    await client.post("/patients/new-patient", json=register)
    assert (await client.post(confirm, headers=desk.headers)).json()["name"] == "Lee Later"


async def test_a_patient_names_no_more_than_so_many(
    client: httpx.AsyncClient, pat: Person, sqlite_database: Database
) -> None:
    answers = [
        await client.post(path_of(pat), json=CARER | {"email": f"carer{number}@example.org"}, headers=pat.headers)
        for number in range(MOST + 1)
    ]
    assert tally(answers) == {"201": MOST, "409 too_many_related": 1}
    await client.delete(path_of(pat, answers[0].json()["id"]), headers=pat.headers)
    again = await client.post(path_of(pat), json=CARER | {"email": "last@example.org"}, headers=pat.headers)
    assert again.status_code == 201


# --- coming of age ---------------------------------------------------------------------------------------------------


async def test_a_parents_rights_end_with_the_patients_birthday_where_the_clinic_is(
    clinic: Clinic, clock: FixedClock, settings: Settings, pat: Person, robin: Person, sqlite_database: Database
) -> None:
    await born(clinic, pat, date(2013, 3, 4))
    await relate(clinic, robin, pat, relationship="parent")
    for zone, ends in (("Pacific/Auckland", datetime(2031, 3, 3, 11, tzinfo=UTC)),
                       ("America/New_York", datetime(2031, 3, 4, 5, tzinfo=UTC))):  # fmt: skip
        app = create_app(settings.model_copy(update={"clinic_timezone": zone}), clock=clock, database=sqlite_database,
                         hint=lambda _ids: None)  # fmt: skip
        async with running(app), client_of(app) as client:
            clock.set(ends - timedelta(microseconds=1))
            headers = await logged_in(client, robin)
            (one,) = (await client.get("/patients/me/looks-after", headers=headers)).json()["items"]
            assert one["valid_until"] == "2031-03-03"
            assert (await client.get(f"/patients/{pat.id}", headers=headers)).status_code == 200
            clock.set(ends)
            assert (await client.get("/patients/me/looks-after", headers=headers)).json()["items"] == []
            assert (await client.get(f"/patients/{pat.id}", headers=headers)).status_code == 404


async def test_a_corrected_day_of_birth_and_another_age_of_majority_hold_at_once(
    client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock, settings: Settings, desk: Person, pat: Person,
    robin: Person, sqlite_database: Database,
) -> None:  # fmt: skip
    await born(clinic, pat, date(2020, 1, 1))
    await relate(clinic, robin, pat, relationship="guardian")
    profile = f"/patients/{pat.id}"
    assert (await client.get(profile, headers=robin.headers)).status_code == 200
    await client.patch(profile, json={"birth_date": "2012-01-01"}, headers=desk.headers)
    assert (await client.get(profile, headers=robin.headers)).status_code == 404
    older = create_app(settings.model_copy(update={"age_of_majority": 21}), clock=clock, database=sqlite_database,
                       hint=lambda _ids: None)  # fmt: skip
    async with running(older), client_of(older) as elsewhere:
        assert (await elsewhere.get(profile, headers=robin.headers)).status_code == 200
    refused = await client.post(path_of(pat), json={"relationship": "parent", "may_read": True, "email": robin.email},
                                headers=desk.headers)  # fmt: skip
    assert refused.json()["fields"][0]["code"] == "of_age"


# --- what others notice ----------------------------------------------------------------------------------------------


async def test_a_patient_who_books_for_themselves_is_not_asked_whom_they_look_after(
    client: httpx.AsyncClient, clinic: Clinic, pat: Person, sqlite_database: Database
) -> None:
    doctor = await clinic.doctor()
    wish = {"doctor_id": str(doctor.id), "starts_at": (clinic.clock.now() + timedelta(hours=2)).isoformat()}
    with counted(sqlite_database) as sent:
        assert (await client.post("/appointments", json=wish, headers=pat.headers)).status_code == 201
    assert not [statement for statement in sent if "related_people" in statement]


async def test_a_visit_that_somebody_books_for_another_is_the_others(
    client: httpx.AsyncClient, clinic: Clinic, pat: Person, robin: Person, sqlite_database: Database
) -> None:
    doctor = await clinic.doctor()
    await relate(clinic, robin, pat, may_read=False)
    book: Callable[..., Any] = partial(client.post, "/appointments", headers=robin.headers)
    at = (clinic.clock.now() + timedelta(hours=2)).isoformat()
    booked = await book(json={"doctor_id": str(doctor.id), "starts_at": at, "patient_id": str(pat.id)})
    assert booked.json()["patient_id"] == str(pat.id)
    assert booked.json()["channel"] == "online"
    own = await book(json={"doctor_id": str((await clinic.doctor()).id), "starts_at": at})
    assert (own.status_code, own.json()["patient_id"]) == (201, str(robin.id))
    visits = (await client.get("/appointments", params={"patient_id": str(pat.id)}, headers=robin.headers)).json()
    assert [visit["id"] for visit in visits["items"]] == [booked.json()["id"]]
