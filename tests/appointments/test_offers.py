"""What is listed as free can be booked by whom it was listed for, and what is not is refused for the reason that
the list implies."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.appointments import service
from appointed.appointments.errors import TimeRefused
from appointed.appointments.policy import Policy
from appointed.appointments.service import Booking
from appointed.core.db import Database
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.interference import counted
from tests.support.racing import tally
from tests.support.soundness import flaws

MONDAY = date(2031, 3, 3)
HALF_HOUR = timedelta(minutes=30)
MORNING, AFTERNOON = (9, 12), (13, 17)
NOTICE, WINDOW = timedelta(hours=2), timedelta(days=5)
BEFORE, AFTER = timedelta(minutes=5), timedelta(minutes=10)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """So many days after Monday."""
    return datetime.combine(MONDAY + timedelta(days=day), time(hour, minute), UTC)


@dataclass(frozen=True, slots=True)
class Week:
    """A doctor's working week with visits in it, and a patient who has other plans too."""

    doctor: Person
    patient: Person
    visit_type_id: UUID
    taken: list[datetime]
    """Starts of the doctor's visits of half an hour with their buffers."""
    busy: list[datetime]
    """Starts of the patient's own visits of half an hour elsewhere."""

    def reason(self, start: datetime, now: datetime) -> str | None:
        """Why it is refused, reckoned from the plan above; None when it is not."""
        for name, applies in self._reasons(start, now):
            if applies:
                return name
        return None

    def _reasons(self, start: datetime, now: datetime) -> Iterable[tuple[str, bool]]:
        opening = opening_at(start)
        yield "in_the_past", start < now
        yield "too_soon", start < now + NOTICE
        yield "too_far_ahead", start > now + WINDOW
        yield "off_grid", opening == "offered" and start.minute % 30 != 0
        yield "not_offered", opening == "not offered"
        yield "outside_hours", opening is None
        yield "patient_busy", any(abs(start - other) < HALF_HOUR for other in self.busy)
        yield "slot_taken", any(abs(start - other) < HALF_HOUR for other in self.taken)
        yield "buffer", any(abs(start - other) < HALF_HOUR + BEFORE + AFTER for other in self.taken)


def opening_at(start: datetime) -> str | None:
    """Weekdays from nine to twelve and from one to five, on Wednesday afternoon for another type of visit."""
    if start.weekday() > 4 or not any(first <= start.hour < last for first, last in (MORNING, AFTERNOON)):
        return None
    return "not offered" if start.weekday() == 2 and start.hour >= 13 else "offered"


@pytest.fixture
async def week(clinic: Clinic) -> Week:
    kind = await clinic.visit_type(buffer_before_minutes=5, buffer_after_minutes=10, notice_minutes=120, window_days=5)
    other_kind = await clinic.visit_type(name="Blood test")
    doctor, elsewhere = await clinic.doctor(hours=False), await clinic.doctor()
    patient, others, desk = await clinic.patient(), await clinic.patient(), await clinic.staff(Role.RECEPTIONIST)
    for day in range(5):
        for first, last in (MORNING, AFTERNOON):
            kinds = {"visit_type_ids": frozenset({other_kind.id})} if (day, first) == (2, 13) else {}
            await clinic.hours(doctor.profile_id, day, first * 60, last * 60, **kinds)
    taken = [at(0, 11), at(1, 9), at(1, 10, 30), at(3, 16, 30), at(4, 14)]
    busy = [at(0, 14), at(1, 10, 30), at(3, 11, 30)]
    for start in taken:
        await clinic.visit(others, doctor, start, visit_type_id=kind.id)
    for start in busy:
        await clinic.visit(patient, elsewhere, start)
    await clinic.visit(
        others, doctor, at(4, 9), visit_type_id=kind.id, by=desk, patient_id=others.id, extra_reason="Pain"
    )
    return Week(doctor, patient, kind.id, taken, busy)


async def listed(client: httpx.AsyncClient, week: Week, who: Person | None = None, **more: Any) -> list[datetime]:
    query = {"doctor_id": str(week.doctor.id), "visit_type_id": str(week.visit_type_id),
             "from": str(MONDAY - timedelta(days=1)), "to": str(MONDAY + timedelta(days=9))} | more  # fmt: skip
    answer = await client.get("/slots", params=query, headers=dict(who.headers) if who else {})
    assert answer.status_code == 200, answer.text
    return [datetime.fromisoformat(slot["starts_at"]) for slot in answer.json()["slots"]]


async def post(client: httpx.AsyncClient, week: Week, start: datetime) -> httpx.Response:
    body = {"doctor_id": str(week.doctor.id), "visit_type_id": str(week.visit_type_id), "starts_at": start.isoformat()}
    return await client.post("/appointments", json=body, headers=week.patient.headers)


async def test_a_week_lists_what_its_plan_leaves_free(client: httpx.AsyncClient, week: Week, clock: FixedClock) -> None:
    times = [at(-1, 0) + timedelta(minutes=5) * number for number in range(11 * 288)]
    free = [start for start in times if week.reason(start, clock.now()) is None]
    assert await listed(client, week, week.patient) == free
    assert at(4, 9) in free, "whoever was fitted in does not take the doctor's time"


async def test_the_desk_sees_what_a_patient_can_book_and_strangers_what_anybody_could(
    client: httpx.AsyncClient, week: Week, clinic: Clinic
) -> None:
    desk = await clinic.staff(Role.RECEPTIONIST)
    own = await listed(client, week, week.patient)
    assert await listed(client, week, desk, patient_id=str(week.patient.id)) == own
    anybody = await listed(client, week)
    assert await listed(client, week, desk) == anybody
    assert [start for start in anybody if start not in own] == [at(0, 14), at(3, 11, 30)]


async def test_every_time_that_is_listed_is_booked_by_the_patient_it_was_listed_for(
    client: httpx.AsyncClient, week: Week, database: Database
) -> None:
    times = await listed(client, week, week.patient)
    assert len(times) > 40
    for start in times:
        booked = await post(client, week, start)
        assert tally([booked]) == {"201": 1}, start
        cancelled = await client.delete(f"/appointments/{booked.json()['id']}", headers=week.patient.headers)
        assert cancelled.status_code == 200
    assert await listed(client, week, week.patient) == times
    assert await flaws(database) == []


async def test_every_time_that_is_not_listed_is_refused_for_its_reason(
    client: httpx.AsyncClient, week: Week, clinic: Clinic, clock: FixedClock, sqlite_database: Database
) -> None:
    free = set(await listed(client, week, week.patient))
    seen = set()
    times = [at(-1, 0) + timedelta(minutes=5) * number for number in range(8 * 288)]
    # All that are on the grid, and some of the many that are not.
    for start in [*times[::6], *times[::11]]:
        if start in free:
            continue
        reason = await refusal(clinic, week, start)
        assert reason == week.reason(start, clock.now()), start
        seen.add(reason)
    assert seen == {"in_the_past", "too_soon", "too_far_ahead", "off_grid", "not_offered", "outside_hours",
                    "patient_busy", "slot_taken", "buffer"}  # fmt: skip


async def refusal(clinic: Clinic, week: Week, start: datetime) -> str | None:
    booking = Booking(week.doctor.profile_id, start, visit_type_id=week.visit_type_id)
    async with clinic.database.writes() as session:
        try:
            await service.book(session, week.patient.actor, booking, policy=Policy(),
                               clock=clinic.clock)  # fmt: skip
        except TimeRefused as error:
            return error.code
    return None


@pytest.mark.parametrize(
    "start", [at(0, 7), at(0, 9, 30), at(6, 9), at(1, 9, 45), at(2, 13), at(5, 9), at(0, 14), at(1, 9), at(1, 9, 30)]
)
async def test_every_database_gives_the_reason_that_the_list_implies(
    start: datetime, client: httpx.AsyncClient, week: Week, clock: FixedClock
) -> None:
    assert start not in await listed(client, week, week.patient)
    answer = await post(client, week, start)
    assert answer.json()["code"] == week.reason(start, clock.now())
    assert answer.status_code == (409 if answer.json()["code"] in {"patient_busy", "slot_taken", "buffer"} else 422)


async def test_what_is_offered_instead_is_nearest_first_and_can_be_booked(
    client: httpx.AsyncClient, week: Week
) -> None:
    refused = (await post(client, week, at(1, 10, 30))).json()
    assert refused["code"] == "patient_busy"
    others = [datetime.fromisoformat(slot["starts_at"]) for slot in refused["alternatives"]]
    free = await listed(client, week, week.patient)
    assert others == sorted(free, key=lambda start: (abs(start - at(1, 10, 30)), start))[:3]
    assert tally([await post(client, week, others[0])]) == {"201": 1}


async def test_a_doctor_or_a_type_that_is_not_offered_has_no_free_time_and_says_so(
    client: httpx.AsyncClient, week: Week, clinic: Clinic
) -> None:
    admin = await clinic.staff(Role.ADMIN)
    free = await listed(client, week, week.patient)
    gone = await client.delete(f"/doctors/{week.doctor.id}?visits=keep", headers=admin.headers)
    assert gone.status_code == 200
    assert await listed(client, week, week.patient) == []
    assert tally([await post(client, week, free[0])]) == {"422 not_offered": 1}
    assert tally([await post(client, week, at(0, 7))]) == {"422 in_the_past": 1}, "the first reason is named"


async def test_a_range_has_an_order_and_an_end(
    client: httpx.AsyncClient, week: Week, sqlite_database: Database
) -> None:
    async def ask(first: str, last: str) -> httpx.Response:
        return await client.get("/slots", params={"doctor_id": str(week.doctor.id), "from": first, "to": last})

    assert (await ask("2031-03-03", "2031-05-03")).status_code == 200, "62 days"
    for first, last in [("2031-03-03", "2031-05-04"), ("2031-03-03", "2031-03-02"), ("2031-03-03", "yesterday")]:
        answer = await ask(first, last)
        assert (answer.status_code, [field["name"] for field in answer.json()["fields"]][:1]) == (422, ["to"])


async def test_an_instant_begins_and_ends_a_range_to_the_minute(
    client: httpx.AsyncClient, week: Week, sqlite_database: Database
) -> None:
    bounds: dict[str, Any] = {"from": at(3, 9, 30).isoformat(), "to": at(3, 11).isoformat()}
    assert await listed(client, week, **bounds) == [at(3, 9, 30), at(3, 10), at(3, 10, 30)]


async def test_however_many_days_are_listed_the_statements_are_as_many(
    client: httpx.AsyncClient, week: Week, database: Database
) -> None:
    async def statements(days: int) -> int:
        bounds: dict[str, Any] = {"from": str(MONDAY), "to": str(MONDAY + timedelta(days=days))}
        with counted(database) as sent:
            await listed(client, week, week.patient, **bounds)
        return len(sent)

    assert await statements(0) == await statements(61) <= 6
