"""`/locations` over HTTP: where visits take place, how far apart that is, and who works there."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.core.db import Database
from appointed.locations.queries import travel_between, works_at

from ..support.factories import Clinic, Person
from ..support.faults import watched

NORTH: dict[str, Any] = {
    "name": "North Street", "timezone": "Europe/Berlin", "address": "1 North Street, Sampletown", "country": "DE",
    "region": "BY",
}  # fmt: skip


@pytest.fixture
async def admin(clinic: Clinic) -> Person:
    return await clinic.staff(Role.ADMIN)


class Site:
    """Sends as whom the test says."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def __call__(self, method: str, path: str, who: Person | None = None, body: Any = None) -> httpx.Response:
        return await self.client.request(method, path, headers=dict(who.headers) if who else {}, json=body)

    async def added(self, admin: Person, **changes: Any) -> str:
        answer = await self("POST", "/locations", admin, NORTH | changes)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


@pytest.fixture
def site(client: httpx.AsyncClient) -> Site:
    return Site(client)


async def test_what_an_administrator_adds_everybody_reads(site: Site, admin: Person) -> None:
    made = await site("POST", "/locations", admin, NORTH)
    assert made.status_code == 201
    assert made.json() == NORTH | {"id": made.json()["id"], "is_default": False, "is_active": True}
    assert (await site("GET", f"/locations/{made.json()['id']}")).json() == made.json()
    listed = (await site("GET", "/locations")).json()["items"]
    assert [(each["name"], each["is_default"]) for each in listed] == [
        ("Appointed Clinic", True),
        ("North Street", False),
    ]
    assert (await site("GET", f"/locations/{uuid4()}")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [({"timezone": "Europe/Atlantis"}, "timezone", "no such IANA"), ({"timezone": "../etc"}, "timezone", "no such"),
     ({"country": "XX"}, "country", "DE"), ({"country": "de"}, "country", ""), ({"region": "XY"}, "region", "BY"),
     ({"country": None}, "region", "in which country"), ({"name": " "}, "name", ""),
     ({"address": "\0"}, "address", ""), ({"is_default": True}, "is_default", "")],
)  # fmt: skip
async def test_what_cannot_be_is_refused_by_name_with_what_there_is(
    site: Site, admin: Person, sqlite_database: object, changes: Any, field: str, says: str
) -> None:
    answer = await site("POST", "/locations", admin, NORTH | changes)
    assert (answer.status_code, answer.json()["fields"][0]["name"]) == (422, field)
    assert says in answer.json()["fields"][0]["detail"]
    assert len((await site("GET", "/locations")).json()["items"]) == 1


async def test_the_holidays_of_a_year_are_listed_by_name(site: Site, admin: Person, sqlite_database: object) -> None:
    location_id = await site.added(admin)
    items = (await site("GET", f"/locations/{location_id}/holidays?year=2031")).json()["items"]
    assert items[:2] == [
        {"date": "2031-01-01", "name": "New Year's Day", "is_public": True, "is_open": False},
        {"date": "2031-01-06", "name": "Epiphany", "is_public": True, "is_open": False},
    ]
    plain = await site.added(admin, country=None, region=None)
    assert (await site("GET", f"/locations/{plain}/holidays?year=2031")).json()["items"] == []
    for year in ("", "?year=1", "?year=x", "?year=9999"):
        assert (await site("GET", f"/locations/{location_id}/holidays{year}")).status_code == 422


async def test_the_way_is_as_long_in_both_directions(site: Site, admin: Person, database: Database) -> None:
    here, there, elsewhere = [await site.added(admin, name=name) for name in ("Here", "There", "Elsewhere")]
    for other, minutes in ((there, 20), (elsewhere, 45), (there, 15)):
        answer = await site("PUT", f"/locations/{here}/travel/{other}", admin, {"minutes": minutes})
        assert answer.json() == {"location_id": other, "minutes": minutes, "affected": []}
    assert (await site("GET", f"/locations/{here}/travel")).json()["items"] == [
        {"location_id": there, "minutes": 15},
        {"location_id": elsewhere, "minutes": 45},
    ]
    assert (await site("GET", f"/locations/{there}/travel")).json()["items"] == [{"location_id": here, "minutes": 15}]
    async with database.reads() as session:
        ids = {name: UUID(text) for name, text in (("here", here), ("there", there), ("elsewhere", elsewhere))}
        assert await travel_between(session, list(ids.values())) == {
            frozenset({ids["here"], ids["there"]}): 15,
            frozenset({ids["here"], ids["elsewhere"]}): 45,
        }
        assert await travel_between(session, [ids["there"], ids["elsewhere"]]) == {}
    assert (await site("DELETE", f"/locations/{there}/travel/{here}", admin)).status_code == 204
    assert (await site("DELETE", f"/locations/{there}/travel/{here}", admin)).status_code == 404
    assert (await site("GET", f"/locations/{there}/travel")).json()["items"] == []


async def test_a_way_leads_somewhere_else_in_multiples_of_five_minutes(
    site: Site, admin: Person, sqlite_database: object
) -> None:
    here, there = await site.added(admin), await site.added(admin)
    for other, minutes, status, code in (
        (there, 12, 422, "off_grid"), (there, 0, 422, "invalid"), (there, 1445, 422, "invalid"),
        (here, 20, 422, "invalid"), (str(uuid4()), 20, 404, "not_found"),
    ):  # fmt: skip
        answer = await site("PUT", f"/locations/{here}/travel/{other}", admin, {"minutes": minutes})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await site("GET", f"/locations/{here}/travel")).json()["items"] == []


async def test_staff_work_everywhere_until_they_are_assigned(site: Site, clinic: Clinic, admin: Person) -> None:
    here, there = await site.added(admin), await site.added(admin)
    desk, path = await clinic.staff(Role.RECEPTIONIST), ""
    path = f"/users/{desk.user_id}"

    async def works() -> list[bool]:
        async with clinic.database.reads() as session:
            return [await works_at(session, desk.user_id, UUID(each)) for each in (here, there)]

    assert await works() == [True, True]
    for assigned, where in (([here], [True, False]), ([there], [False, True]), ([here, there], [True, True])):
        answer = await site("PUT", f"{path}/locations", admin, {"location_ids": assigned})
        assert (answer.status_code, answer.json()["location_ids"]) == (200, sorted(assigned))
        assert (await site("GET", path, admin)).json()["location_ids"] == sorted(assigned)
        assert await works() == where
    assert (await site("PUT", f"{path}/locations", admin, {"location_ids": []})).json()["location_ids"] == []
    assert await works() == [True, True]


async def test_nobody_is_assigned_to_what_is_no_location(
    site: Site, clinic: Clinic, admin: Person, sqlite_database: object
) -> None:
    here, desk = await site.added(admin), await clinic.staff(Role.RECEPTIONIST)
    path = f"/users/{desk.user_id}/locations"
    await site("PUT", path, admin, {"location_ids": [here]})
    refused = await site("PUT", path, admin, {"location_ids": [here, str(uuid4())]})
    assert (refused.status_code, refused.json()["fields"][0]["name"]) == (422, "location_ids")
    assert (await site("PUT", f"/users/{uuid4()}/locations", admin, {"location_ids": []})).status_code == 404
    assert (await site("GET", f"/users/{desk.user_id}", admin)).json()["location_ids"] == [here]


async def test_distances_of_any_number_of_places_are_one_statement(
    site: Site, admin: Person, sqlite_database: Database
) -> None:
    ids = [UUID(await site.added(admin)) for _ in range(4)]
    async with sqlite_database.writes() as session:
        with watched(sqlite_database) as watch:
            await travel_between(session, ids)
    assert len([each for each in watch.statements if "SELECT" in each]) == 1
