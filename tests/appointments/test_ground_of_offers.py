"""Who offers a visit type: said by the desk; whoever does so no more has visits that lose their ground."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.core.db import Database, transaction
from appointed.locations import service as locations
from appointed.visit_types.models import VisitType

from ..access.world import contents_of
from ..support.clock import MONDAY
from ..support.factories import Clinic, Person
from ..support.faults import watched

TEN = MONDAY.replace(hour=10)
Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def desk(clinic: Clinic) -> Person:
    return await clinic.staff(Role.RECEPTIONIST)


@pytest.fixture
def ask(client: httpx.AsyncClient, desk: Person) -> Ask:
    async def asked(method: str, path: str, body: Any = None, who: Person | None = None, **params: Any) -> Any:
        return await client.request(method, path, json=body, params=params, headers=dict((who or desk).headers))

    return asked


@pytest.fixture
async def infusion(clinic: Clinic) -> VisitType:
    return await clinic.visit_type(name="Infusion", length_minutes=30)


async def mark_of(ask: Ask, visit_id: Any) -> tuple[str, str | None]:
    visit = (await ask("GET", f"/appointments/{visit_id}")).json()
    assert visit["needs_attention"] is (visit["attention_code"] is not None)
    return visit["status"], visit["attention_code"]


def path_of(infusion: VisitType, doctor: Person) -> str:
    return f"/visit-types/{infusion.id}/offers/{doctor.id}"


async def test_the_first_offer_leaves_the_type_to_whom_it_names(ask: Ask, clinic: Clinic, infusion: VisitType) -> None:
    one, other, patient = await clinic.doctor(), await clinic.doctor(), await clinic.patient()
    of_type = {"visit_type_id": infusion.id}
    theirs = await clinic.visit(patient, one, TEN, **of_type)
    others = await clinic.visit(patient, other, TEN + timedelta(hours=1), **of_type)
    plain = await clinic.visit(patient, other, TEN + timedelta(hours=2))
    before = await contents_of(clinic)
    refused = await ask("PUT", path_of(infusion, one))
    assert (refused.status_code, refused.json()["visits"]) == (409, [str(others.id)])
    dry = await ask("PUT", path_of(infusion, one), {"visits": "keep"}, dry_run=True)
    assert [each["id"] for each in dry.json()["affected"]] == [str(others.id)]
    assert await contents_of(clinic) == before
    kept = await ask("PUT", path_of(infusion, one), {"visits": "keep"})
    assert (kept.status_code, kept.json()["affected"]) == (200, dry.json()["affected"])
    marks = [await mark_of(ask, visit.id) for visit in (theirs, others, plain)]
    assert marks == [("booked", None), ("booked", "not_offered"), ("booked", None)]
    wanted = {"doctor_id": str(other.id), "starts_at": "2031-03-03T14:00:00Z", "patient_id": str(patient.id)}
    late = await ask("POST", "/appointments", wanted | {"visit_type_id": str(infusion.id)})
    assert (late.status_code, late.json()["code"]) == (422, "not_offered")
    assert (await ask("PUT", path_of(infusion, other))).status_code == 200, "the second takes nothing from anybody"
    assert await mark_of(ask, others.id) == ("booked", None)


async def test_without_the_last_offer_the_type_is_everybodys_and_that_must_be_said(
    ask: Ask, clinic: Clinic, infusion: VisitType
) -> None:
    one, other, patient = await clinic.doctor(), await clinic.doctor(), await clinic.patient()
    visit = await clinic.visit(patient, other, TEN, visit_type_id=infusion.id)
    await ask("PUT", path_of(infusion, one), {"visits": "keep"})
    last = await ask("DELETE", path_of(infusion, one))
    assert (last.status_code, last.json()["code"]) == (409, "last_offer")
    assert await mark_of(ask, visit.id) == ("booked", "not_offered")
    assert (await ask("DELETE", path_of(infusion, one), everybody=True)).json() == {"affected": []}
    assert await mark_of(ask, visit.id) == ("booked", None)
    assert (await ask("DELETE", path_of(infusion, one), everybody=True)).status_code == 404
    assert (await ask("GET", f"/visit-types/{infusion.id}/offers")).json()["items"] == []


@pytest.mark.parametrize("fate", ["keep", "cancel"])
async def test_an_offer_that_is_taken_away_says_who_stood_on_it(
    fate: str, ask: Ask, clinic: Clinic, infusion: VisitType
) -> None:
    one, other, patient = await clinic.doctor(), await clinic.doctor(), await clinic.patient()
    for doctor in (one, other):
        await ask("PUT", path_of(infusion, doctor))
    visit = await clinic.visit(patient, one, TEN, visit_type_id=infusion.id)
    spared = await clinic.visit(patient, other, TEN + timedelta(hours=1), visit_type_id=infusion.id)
    refused = await ask("DELETE", path_of(infusion, one))
    assert (refused.status_code, refused.json()["visits"]) == (409, [str(visit.id)])
    dry = await ask("DELETE", path_of(infusion, one), dry_run=True)
    dealt = await ask("DELETE", path_of(infusion, one), {"visits": fate, "reason": "The pump is broken"})
    assert dealt.json() == dry.json() == {"affected": [{"id": str(visit.id), "starts_at": "2031-03-03T10:00:00Z"}]}
    expected = ("booked", "not_offered") if fate == "keep" else ("cancelled", None)
    assert [await mark_of(ask, each.id) for each in (visit, spared)] == [expected, ("booked", None)]


async def test_an_offer_at_one_place_is_none_at_another(ask: Ask, clinic: Clinic, infusion: VisitType) -> None:
    doctor, branch = await clinic.doctor(), await clinic.location()
    visit = await clinic.visit(await clinic.patient(), doctor, TEN, visit_type_id=infusion.id)
    there: dict[str, Any] = {"location_id": str(branch.id)}
    refused = await ask("PUT", path_of(infusion, doctor), **there)
    assert (refused.status_code, refused.json()["visits"]) == (409, [str(visit.id)])
    await ask("PUT", path_of(infusion, doctor), {"visits": "keep"}, **there)
    assert await mark_of(ask, visit.id) == ("booked", "not_offered")
    assert (await ask("PUT", path_of(infusion, doctor), location_id=str(visit.location_id))).status_code == 200
    assert await mark_of(ask, visit.id) == ("booked", None)
    assert (await ask("DELETE", path_of(infusion, doctor))).status_code == 404, "there is none for all places"
    assert (await ask("DELETE", path_of(infusion, doctor), **there)).json() == {"affected": []}


async def test_what_an_offer_says_is_what_is_listed_and_booked(
    ask: Ask, clinic: Clinic, infusion: VisitType, sqlite_database: object
) -> None:
    doctor = await clinic.doctor()
    terms = {"length_minutes": 45, "buffer_after_minutes": 15, "notice_minutes": 240, "daily_limit": 2}
    made = await ask("PUT", path_of(infusion, doctor), terms)
    assert made.json().items() >= (terms | {"window_days": None, "location_id": None}).items()
    params = {"doctor_id": str(doctor.id), "from": "2031-03-03", "to": "2031-03-03", "visit_type_id": str(infusion.id)}
    free = (await ask("GET", "/slots", **params)).json()["slots"]
    assert (free[0]["starts_at"], free[0]["ends_at"]) == ("2031-03-03T12:00:00Z", "2031-03-03T12:45:00Z")
    again = await ask("PUT", path_of(infusion, doctor), {"length_minutes": 60})
    assert (again.json()["id"], again.json()["length_minutes"], again.json()["notice_minutes"]) == (
        made.json()["id"], 60, None,
    )  # fmt: skip
    listed = (await ask("GET", f"/visit-types/{infusion.id}/offers")).json()["items"]
    assert [(each["doctor_id"], each["length_minutes"]) for each in listed] == [(str(doctor.id), 60)]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [({"length_minutes": 42}, "off_grid", "length_minutes"), ({"length_minutes": 0}, "invalid", "length_minutes"),
     ({"buffer_before_minutes": 3}, "off_grid", "buffer_before_minutes"), ({"window_days": 9999}, "invalid",
     "window_days"), ({"daily_limit": 0}, "invalid", "daily_limit"), ({"visits": "cancel"}, "invalid", "reason"),
     ({"grid_minutes": 15}, "invalid", "grid_minutes")],
)  # fmt: skip
async def test_terms_that_cannot_be_are_named_and_change_nothing(
    body: Any, code: str, field: str, ask: Ask, clinic: Clinic, infusion: VisitType, sqlite_database: object
) -> None:
    doctor = await clinic.doctor()
    before = await contents_of(clinic)
    refused = await ask("PUT", path_of(infusion, doctor), body)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert [each["name"] for each in refused.json()["fields"]] == [field]
    for path in (f"/visit-types/{uuid4()}/offers/{doctor.id}", f"/visit-types/{infusion.id}/offers/{uuid4()}"):
        assert (await ask("PUT", path)).status_code == 404
    nowhere = await ask("PUT", path_of(infusion, doctor), location_id=str(uuid4()))
    assert (nowhere.status_code, nowhere.json()["fields"][0]["name"]) == (422, "location_id")
    assert await contents_of(clinic) == before


async def test_a_receptionist_of_one_place_says_what_is_offered_there(
    ask: Ask, clinic: Clinic, infusion: VisitType, sqlite_database: Database
) -> None:
    doctor, branch, local = await clinic.doctor(), await clinic.location(), await clinic.staff(Role.RECEPTIONIST)
    async with transaction(clinic.database.writes) as session:
        await locations.assign(session, local.user_id, local.user_id, [branch.id], now=clinic.clock.now())
    there = {"location_id": str(branch.id)}
    first = await ask("PUT", path_of(infusion, doctor), who=local, **there)
    assert first.status_code == 403, "the first takes the type from everybody everywhere"
    assert (await ask("PUT", path_of(infusion, await clinic.doctor()))).status_code == 200
    assert (await ask("PUT", path_of(infusion, doctor), who=local, **there)).status_code == 200
    assert (await ask("PUT", path_of(infusion, doctor), who=local)).status_code == 403
    assert (await ask("DELETE", path_of(infusion, doctor), who=local, **there)).status_code == 200


async def test_however_many_offers_are_listed_the_statements_are_as_many(
    ask: Ask, clinic: Clinic, infusion: VisitType, sqlite_database: Database
) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            await ask("PUT", path_of(infusion, await clinic.doctor(hours=False)))
        with watched(sqlite_database) as watch:
            await ask("GET", f"/visit-types/{infusion.id}/offers")
        counts.append(len([each for each in watch.statements if "SELECT" in each]))
    assert counts[0] == counts[1]
