"""A request that waits for a lock decides on what stands when it has it; and it does not wait for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from socket import AF_INET, IPPROTO_TCP, SOCK_STREAM
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import resources
from appointed.accounts.actor import Role
from appointed.accounts.tokens import Tokens
from appointed.app import create_app
from appointed.appointments import service
from appointed.appointments.models import Appointment
from appointed.appointments.policy import Policy
from appointed.appointments.rules import Status
from appointed.appointments.service import Booking, Dealing, Fate
from appointed.availability.models import Schedule
from appointed.availability.queries import of_doctors
from appointed.core.crypto import Vault
from appointed.core.db import transaction
from appointed.core.ids import new_id
from appointed.core.retry import ATTEMPTS
from appointed.core.settings import Settings
from appointed.doctors.models import Doctor
from tests.support.app import client_of
from tests.support.clock import FixedClock
from tests.support.databases import Backend
from tests.support.factories import Clinic, Person
from tests.support.faults import LOCKING, another_process, counts, cut_off, watched
from tests.support.fixtures import settings_of
from tests.support.racing import tally
from tests.support.scene import Scene, check_unavailable, scene_in, until_waiting
from tests.support.soundness import flaws

SERVERS = ("postgresql", "mysql")
KEEP = Dealing(Fate.KEEP)


@pytest.fixture
async def scene(client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock) -> Scene:
    return await scene_in(client, clinic, clock)


# --- what happens meanwhile ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """Those who act while the patient waits, in a transaction of theirs."""

    scene: Scene
    session: AsyncSession
    admin: Person
    other_doctor: Person
    other_patient: Person

    async def remove_hours(self) -> None:
        for hours in await of_doctors(self.session, [self.scene.doctor.profile_id]):
            await service.remove_hours(self.session, self.admin.actor, hours.id, KEEP, clock=self.scene.clinic.clock)

    async def deactivate_doctor(self) -> None:
        await service.deactivate_doctor(self.session, self.admin.actor, self.scene.doctor.profile_id, KEEP,
                                        clock=self.scene.clinic.clock)  # fmt: skip

    async def deactivate_patient(self) -> None:
        await service.deactivate_patient(self.session, self.admin.actor, self.scene.patient.profile_id, KEEP,
                                         clock=self.scene.clinic.clock)  # fmt: skip

    async def book_the_doctor(self) -> None:
        await self._book(self.other_patient, self.scene.doctor)

    async def book_another_doctor(self) -> None:
        await self._book(self.scene.patient, self.other_doctor)

    async def _book(self, patient: Person, doctor: Person) -> None:
        wanted = Booking(doctor.profile_id, self.scene.at)
        await service.book(self.session, patient.actor, wanted, policy=Policy(),
                           clock=self.scene.clinic.clock)  # fmt: skip


Deed = Callable[[Meanwhile], Awaitable[None]]


@pytest.mark.parametrize(
    ("deed", "refusal"),
    [
        (Meanwhile.remove_hours, "422 outside_hours"),
        (Meanwhile.deactivate_doctor, "422 not_offered"),
        (Meanwhile.deactivate_patient, "422 invalid"),
        (Meanwhile.book_the_doctor, "409 slot_taken"),
        (Meanwhile.book_another_doctor, "409 patient_busy"),
    ],
    ids=lambda given: given.__name__ if callable(given) else "",
)
async def test_what_is_committed_between_a_requests_first_read_and_its_lock_is_seen(
    deed: Deed, refusal: str, scene: Scene, backend: Backend, vault: Vault
) -> None:
    admin = await scene.clinic.staff(Role.ADMIN)
    others = (await scene.clinic.doctor(), await scene.clinic.patient())
    async with another_process(backend, vault) as database:
        with watched(backend.database) as watch:
            async with transaction(database.writes) as session:
                await deed(Meanwhile(scene, session, admin, *others))
                await session.flush()
                posting = asyncio.create_task(scene.book())
                await until_waiting(watch, posting)
            answer = await posting
    waited_at = next(number for number, sent in enumerate(watch.statements) if LOCKING.search(sent))
    if backend.name != "sqlite":
        # On SQLite the transaction begins with the lock, and nothing can be read before.
        assert any("FROM patients" in sent for sent in watch.statements[:waited_at])
    assert tally([answer]) == {refusal: 1}
    assert await flaws(backend.database) == []


async def test_the_clock_is_read_when_the_lock_is_had(
    scene: Scene, backend: Backend, vault: Vault, clock: FixedClock
) -> None:
    async with another_process(backend, vault) as database:
        with watched(backend.database) as watch:
            async with transaction(database.writes) as session:
                await resources.lock(session, [scene.doctor.profile_id])
                posting = asyncio.create_task(scene.book())
                await until_waiting(watch, posting)
                clock.set(scene.at + timedelta(seconds=1))
            assert tally([await posting]) == {"422 in_the_past": 1}


async def test_a_visit_that_begins_while_its_cancelling_waits_is_not_cancelled(
    scene: Scene, backend: Backend, vault: Vault, clock: FixedClock
) -> None:
    visit = (await scene.book()).json()
    async with another_process(backend, vault) as database:
        with watched(backend.database) as watch:
            async with transaction(database.writes) as session:
                await resources.lock(session, [scene.patient.profile_id])
                cancelling = scene.client.delete(f"/appointments/{visit['id']}", headers=scene.patient.headers)
                deleting = asyncio.create_task(cancelling)
                await until_waiting(watch, deleting)
                clock.set(scene.at)
            assert tally([await deleting]) == {"409 not_cancellable": 1}


async def test_of_two_changes_of_the_same_hours_neither_undoes_the_other(
    scene: Scene, backend: Backend, vault: Vault
) -> None:
    admin = await scene.clinic.staff(Role.ADMIN)
    hours_id = await scene.clinic.hours(scene.doctor.profile_id, 0, 18 * 60, 19 * 60)
    async with another_process(backend, vault) as database:
        with watched(backend.database) as watch:
            async with transaction(database.writes) as session:
                await resources.lock(session, [scene.doctor.profile_id])
                await session.execute(update(Schedule).where(Schedule.id == hours_id).values(start_minute=17 * 60))
                change = scene.client.patch(
                    f"/availability/{hours_id}", json={"end_time": "20:00"}, headers=admin.headers
                )
                changing = asyncio.create_task(change)
                await until_waiting(watch, changing)
            answer = (await changing).json()
    assert (answer["start_time"], answer["end_time"]) == ("17:00", "20:00")


# --- how long, and who does not wait ---------------------------------------------------------------------------------


async def test_a_lock_that_is_never_had_is_asked_for_a_few_times_and_then_no_more(
    scene: Scene, backend: Backend, vault: Vault, settings: Settings, clock: FixedClock
) -> None:
    before = await counts(backend.database)
    async with another_process(backend, vault, impatient=True) as impatient:
        app = create_app(settings, clock=clock, database=impatient, hint=lambda _ids: None)
        async with client_of(app) as client, transaction(backend.database.writes) as session:
            await resources.lock(session, [scene.doctor.profile_id])
            with watched(impatient) as watch:
                check_unavailable(await Scene(client, scene.clinic, scene.doctor, scene.patient, scene.at).book())
    assert watch.retryable == ATTEMPTS
    assert await counts(backend.database) == before


async def test_whoever_looks_for_free_times_does_not_wait_for_whoever_changes_them(
    scene: Scene, backend: Backend, vault: Vault
) -> None:
    query = {"doctor_id": str(scene.doctor.id), "from": scene.at.isoformat(), "to": scene.at.date().isoformat()}
    async with another_process(backend, vault) as database, transaction(database.writes) as session:
        await resources.lock(session, [scene.doctor.profile_id])
        await session.execute(update(Doctor).values(is_active=False))
        async with asyncio.timeout(15):
            answer = await scene.client.get("/slots", params=query)
    first = answer.json()["slots"][0]
    assert datetime.fromisoformat(first["starts_at"]) == scene.at, "what is not committed is not seen"


@pytest.mark.backends(*SERVERS)
async def test_whoever_looks_at_a_visit_does_not_wait_for_whoever_changes_it(
    scene: Scene, backend: Backend, vault: Vault
) -> None:
    visit = (await scene.book()).json()
    async with another_process(backend, vault) as database, transaction(database.writes) as session:
        await resources.lock(session, [scene.doctor.profile_id, scene.patient.profile_id])
        await session.execute(update(Appointment).values(status=Status.CANCELLED))
        async with asyncio.timeout(15):
            answer = await scene.client.get(f"/appointments/{visit['id']}", headers=scene.patient.headers)
        await session.rollback()
    assert (answer.status_code, answer.json()["status"]) == (200, "booked")


# --- no database -----------------------------------------------------------------------------------------------------


async def of_two_addresses(_host: object, port: object, **_more: object) -> list[Any]:
    """What a name that stands for two machines resolves to; nobody listens at either."""
    return [(AF_INET, SOCK_STREAM, IPPROTO_TCP, "", (address, port)) for address in ("127.0.0.1", "127.0.0.2")]


NOWHERE = [
    f"{kind}://nobody@{host}:1/none" for kind in SERVERS for host in ("127.0.0.1", "two.invalid", "database.invalid")
]


@pytest.mark.parametrize("address", NOWHERE)
async def test_without_a_database_every_request_is_told_to_come_back(
    address: str, tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "two" in address:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", of_two_addresses)
    settings = settings_of(tmp_path, database_url=SecretStr(address))
    app = create_app(settings, clock=clock, hint=lambda _ids: None)
    token = Tokens.of(settings).issue(new_id(), new_id(), clock.now())
    headers = {"Authorization": f"Bearer {token}"}
    async with client_of(app) as client:
        check_unavailable(await client.post("/appointments", json={}, headers=headers))
        check_unavailable(await client.get("/doctors"))
        assert (await client.get("/health/ready")).status_code == 503
        assert (await client.get("/health/live")).status_code == 200


@pytest.mark.backends(*SERVERS)
async def test_when_the_database_comes_back_so_does_the_service(
    scene: Scene, backend: Backend, vault: Vault, settings: Settings, clock: FixedClock
) -> None:
    async with another_process(backend, vault) as database:
        app = create_app(settings, clock=clock, database=database, hint=lambda _ids: None)
        async with client_of(app) as client:
            waiting = Scene(client, scene.clinic, scene.doctor, scene.patient, scene.at)
            await client.get("/appointments", headers=scene.patient.headers)
            for engine in database.engines:
                await cut_off(engine, backend)
            answers = [await waiting.book() for _ in range(4)]
    refused = [answer for answer in answers if answer.status_code != 201]
    assert 0 < len(refused) <= len(database.engines)
    for answer in refused:
        check_unavailable(answer)
    assert await flaws(backend.database) == []
