"""What a request can be about: a patient, the doctor who treats them, and whatever else a route needs."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts, patients, records
from appointed.accounts import links
from appointed.accounts import queries as users
from appointed.accounts.actor import Permission, Role
from appointed.accounts.factors import challenges, passkeys
from appointed.accounts.factors import service as factors
from appointed.accounts.factors.models import Passkey, TotpKey
from appointed.accounts.factors.rules import Aim
from appointed.accounts.models import AccountLink
from appointed.accounts.rules import Purpose
from appointed.appointments import service as appointments
from appointed.appointments.models import Appointment
from appointed.appointments.policy import Policy
from appointed.appointments.rules import Action
from appointed.availability.rules import TimeOffKind
from appointed.availability.service import Absence, new_absence, set_offer
from appointed.core.codes import code_of
from appointed.core.db import metadata, transaction
from appointed.doctors import covering
from appointed.erasure import service as erasure
from appointed.locations import service as locations
from appointed.patients import emergencies, relations
from appointed.patients.codes import invitation_code
from appointed.patients.relations import Whom

from ..support.authenticator import Authenticator
from ..support.clock import FixedClock
from ..support.factories import Clinic, Permit, Person
from ..support.factors import code_now
from .matrix import Who

SERIES_AT = datetime(2031, 3, 10, 15, tzinfo=UTC)
Maker = Callable[[], Awaitable[UUID]]
STAFF = {Who.NURSE: Role.NURSE, Who.RECEPTIONIST: Role.RECEPTIONIST, Who.ADMIN: Role.ADMIN, Who.AUDITOR: Role.AUDITOR}


@dataclass(slots=True)
class World:
    """The doctor treats the patient because of `visit_id`, unless there is none; `actor` is who asks about them."""

    clinic: Clinic
    patient: Person
    doctor: Person
    hours_id: UUID
    visit_id: UUID | None
    others: dict[Who, Person] = field(default_factory=dict)
    actor: Person | None = None
    _made: int = 0
    _begun_id: UUID | None = None
    _hold_id: UUID | None = None
    _series_id: UUID | None = None

    async def enter(self, who: Who) -> None:
        """From now on this is who asks."""
        if who in (Who.ANONYMOUS, Who.PATIENT, Who.DOCTOR):
            self.actor = {Who.PATIENT: self.patient, Who.DOCTOR: self.doctor}.get(who)
            return
        if who not in self.others:
            self.others[who] = await _somebody(self.clinic, who)
        self.actor = self.others[who]

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.actor.headers) if self.actor else {}

    @property
    def anybody(self) -> Person:
        """Who asks, or for want of one the patient."""
        return self.actor or self.patient

    def maker_of(self, parameter: str, label: str) -> Maker:
        """What makes the thing that a path parameter names."""
        makers: dict[str, Maker] = {
            "patient_id": self._no_login
            if label.endswith(("/invite", "/erase"))
            else partial(_as_it_is, self.patient.profile_id),
            "doctor_id": partial(_as_it_is, self.doctor.profile_id),
            "schedule_id": partial(_as_it_is, self.hours_id),
            "appointment_id": self._visit_for(label),
            "absence_id": self._absence,
            "series_id": self._series,
            "session_id": self._session,
            "user_id": self._user,
            "login_id": self._login,
            "client_id": self._client,
            "passkey_id": self._passkey,
            "location_id": self.place,
            "room_id": self._room,
            "visit_type_id": self._visit_type,
            "relation_id": partial(self.relation, by_patient="confirm" in label),
            "record_id": partial(self.record, "preliminary" if "sign" in label else "final"),
        }
        return makers[parameter]

    async def record(self, status: str) -> UUID:
        draft = records.Draft("Cough for three days", status=records.rules.Status(status))
        async with transaction(self.clinic.database.writes) as session:
            record = await records.write(session, self.doctor.actor, self.patient.profile_id, draft,
                                         clock=self.clinic.clock)  # fmt: skip
        return record.id

    async def released(self) -> UUID:
        """A record that parents may read, were the patient a minor."""
        record_id = await self.record("final")
        async with transaction(self.clinic.database.writes) as session:
            await records.release(session, self.doctor.actor, record_id, clock=self.clinic.clock)
        return record_id

    async def ask_for_erasure(self) -> None:
        if self.anybody.actor.may(Permission.PATIENTS_OWN):
            async with transaction(self.clinic.database.writes) as session:
                await erasure.ask(session, self.anybody.actor, now=self.clinic.clock.now())

    async def begun(self) -> UUID:
        """A visit that began a week ago, about which nobody has said anything."""
        if self._begun_id is None:
            self._begun_id = await self._book_a_week_ago()
        return self._begun_id

    async def _book_a_week_ago(self) -> UUID:
        a_week_ago = FixedClock(self.clinic.clock.now() - timedelta(days=7))
        booking = appointments.Booking(self.doctor.profile_id, a_week_ago.now() + timedelta(hours=1))
        async with transaction(self.clinic.database.writes) as session:
            visit = await appointments.book(session, self.patient.actor, booking, policy=Policy(),
                                            clock=a_week_ago)  # fmt: skip
        return visit.id

    async def move(self, visit_id: UUID | None, action: Action) -> None:
        """Have the desk do something with a visit."""
        assert visit_id is not None
        desk = await self.clinic.staff(Role.RECEPTIONIST)
        async with transaction(self.clinic.database.writes) as session:
            await appointments.move(session, desk.actor, visit_id, action, policy=Policy(),
                                    clock=self.clinic.clock)  # fmt: skip

    async def relation(self, *, by_patient: bool) -> UUID:
        """Somebody who looks after the patient; named by them, it waits to be confirmed."""
        other = await self.clinic.patient()
        by = self.patient if by_patient else await self.clinic.staff(Role.RECEPTIONIST)
        terms = {"relationship": "carer", "may_book": True, "may_read": False}
        async with transaction(self.clinic.database.writes) as session:
            added = await relations.add(session, by.actor, self.patient.profile_id, Whom(email=other.email), terms,
                                        clock=self.clinic.clock)  # fmt: skip
        return added.id

    async def cover(self) -> UUID:
        """That another doctor stands in for the doctor."""
        clinic, other = self.clinic, await self.clinic.doctor(hours=False)
        async with transaction(clinic.database.writes) as session:
            today = clinic.clock.now().date()
            added = await covering.add(session, self.doctor.actor, self.doctor.profile_id, other.profile_id, today,
                                       today, now=clinic.clock.now())  # fmt: skip
        return added.id

    async def emergency(self) -> UUID:
        """That another doctor opened the patient's record."""
        clinic, other = self.clinic, await self.clinic.doctor(hours=False)
        sought = emergencies.Sought(self.patient.profile_id)
        async with transaction(clinic.database.writes) as session:
            opened = await emergencies.open_record(session, other.actor, sought, "Unconscious in the waiting room",
                                                   lasting=timedelta(hours=1), told_after=None,
                                                   now=clinic.clock.now())  # fmt: skip
        return opened.id

    async def invitation(self) -> str:
        """The code of an invitation that nobody has used yet."""
        patient_id = await self._no_login()
        desk = await self.clinic.staff(Role.RECEPTIONIST)
        async with transaction(self.clinic.database.writes) as session:
            sent = await patients.invite(session, desk.actor, patient_id, self.new_email(), self.clinic.clock.now())
        return invitation_code(self.clinic.settings.secret_key.get_secret_value(), sent.id)

    async def refresh_token(self) -> str:
        async with transaction(self.clinic.database.writes) as session:
            opened = await accounts.open_session(session, self.anybody.user_id, timedelta(days=1),
                                                 self.clinic.clock.now())  # fmt: skip
        return opened[1]

    async def code_for(self, purpose: Purpose) -> str:
        """The code in a link that was mailed to somebody."""
        somebody, now = await self.clinic.staff(Role.NURSE), self.clinic.clock.now()
        async with transaction(self.clinic.database.writes) as session:
            await links.ask(session, purpose, somebody.email, by=None, now=now)
            mine = select(AccountLink.id).where(AccountLink.user_id == somebody.user_id)
            link_id = (await session.scalars(mine)).one()
        return code_of(self.clinic.settings.secret_key.get_secret_value(), purpose, link_id)

    @property
    def site(self) -> passkeys.Site:
        return passkeys.Site.at(self.clinic.settings.public_url, self.clinic.settings.clinic_name)

    async def totp(self, *, is_confirmed: bool = True) -> str:
        """The key of an authenticator app that whoever asks has added, or is about to add."""
        async with transaction(self.clinic.database.writes) as session:
            owner = await self._owner(session, self.anybody, TotpKey)
            key, _ = await factors.begin_totp(session, owner)
            if is_confirmed:
                await factors.confirm_totp(session, owner, code_now(key, self.clinic.clock))
        return key

    async def challenge(self, aim: Aim) -> str:
        async with transaction(self.clinic.database.writes) as session:
            user = None if aim is Aim.PASSKEY_LOGIN else await users.get(session, self.anybody.user_id)
            return challenges.put(session, aim, user, self.clinic.clock.now())

    async def passkey_options(self, whose: Person) -> Any:
        async with transaction(self.clinic.database.writes) as session:
            return await factors.begin_passkey(session, await self._owner(session, whose, Passkey), self.site)

    async def passkey_of(self, whose: Person) -> tuple[Authenticator, UUID]:
        """A passkey that somebody has added, and its id."""
        authenticator, options = Authenticator(), await self.passkey_options(whose)
        made = passkeys.made(self.site, authenticator.make(options), challenges.bytes_of(options["challenge"]))
        assert made
        async with transaction(self.clinic.database.writes) as session:
            passkey, _ = await factors.add_passkey(
                session, await self._owner(session, whose, Passkey), made, "Work laptop"
            )
        return authenticator, passkey.id

    async def _passkey(self) -> UUID:
        return (await self.passkey_of(self.patient))[1]

    async def _owner(self, session: AsyncSession, whose: Person, table: type[TotpKey | Passkey]) -> factors.Owner:
        """Somebody, without what an earlier request has left them of a kind."""
        await session.execute(delete(table).where(table.user_id == whose.user_id))
        user = await users.get(session, whose.user_id, for_update=True)
        return factors.Owner(user, whose.actor.session_id, self.clinic.clock.now())

    async def place(self) -> UUID:
        return (await self.clinic.location()).id

    async def places_apart(self) -> tuple[UUID, UUID]:
        """Two locations between which the time of travel is known."""
        one_id, other_id, by = await self.place(), await self.place(), self.doctor.user_id
        async with transaction(self.clinic.database.writes) as session:
            await locations.set_travel(session, by, one_id, other_id, 30, now=self.clinic.clock.now())
        return one_id, other_id

    async def closed_place(self, day: str) -> UUID:
        """A location that is closed that day."""
        location, by, now = await self.clinic.location(), self.doctor.user_id, self.clinic.clock.now()
        async with transaction(self.clinic.database.writes) as session:
            on_date = date.fromisoformat(day)
            await locations.set_day(session, by, location, on_date, is_open=False, name=None, now=now)
        return location.id

    async def offered(self) -> UUID:
        """A visit type that the doctor alone offers."""
        visit_type_id = await self._visit_type()
        async with transaction(self.clinic.database.writes) as session:
            await set_offer(session, self.doctor.user_id, visit_type_id, self.doctor.profile_id, None, {},
                            self.clinic.clock.now())  # fmt: skip
        return visit_type_id

    async def _room(self) -> UUID:
        return (await self.clinic.room(await self.place())).id

    async def _visit_type(self) -> UUID:
        return (await self.clinic.visit_type()).id

    def new_email(self) -> str:
        self._made += 1
        return f"new{self._made}.{self.patient.email}"

    async def _visit(self) -> UUID:
        assert self.visit_id is not None
        return self.visit_id

    def _visit_for(self, label: str) -> Maker:
        if label.endswith(("/extend", "/confirm")):
            return self._hold
        return self._marked_visit if "/keep" in label else self._visit

    async def _hold(self) -> UUID:
        booking = appointments.Booking(self.doctor.profile_id, self.clinic.clock.now() + timedelta(hours=3),
                                       is_held=True)  # fmt: skip
        if self._hold_id is None:
            async with transaction(self.clinic.database.writes) as session:
                held = await appointments.book(session, self.patient.actor, booking, policy=Policy(),
                                               clock=self.clinic.clock)  # fmt: skip
            self._hold_id = held.id
        return self._hold_id

    async def _marked_visit(self) -> UUID:
        visit_id = await self._visit()
        async with transaction(self.clinic.database.writes) as session:
            marks = {"needs_attention": True, "attention_code": "on_leave"}
            await session.execute(update(Appointment).where(Appointment.id == visit_id).values(marks))
        return visit_id

    async def _absence(self) -> UUID:
        first = datetime(2031, 5, 5, 9, tzinfo=UTC)
        meeting = Absence(TimeOffKind.BLOCK, first, first + timedelta(hours=1), "other")
        async with transaction(self.clinic.database.writes) as session:
            row = new_absence(session, self.doctor.user_id, self.doctor.profile_id, meeting, self.clinic.clock.now())
        return row.id

    async def _series(self) -> UUID:
        if self._series_id is None:
            self._series_id = await self._book_series()
        return self._series_id

    async def _book_series(self) -> UUID:
        clinic = self.clinic
        booking = appointments.Booking(self.doctor.profile_id, SERIES_AT)
        async with transaction(clinic.database.writes) as session:
            booked = await appointments.book_series(session, self.patient.actor, booking, "FREQ=WEEKLY;COUNT=2",
                                                    policy=Policy(), clock=clinic.clock)  # fmt: skip
        return booked.series.id

    async def _session(self) -> UUID:
        """Later each time that it is asked for."""
        self._made += 1
        clinic, desk = self.clinic, await self.clinic.staff(Role.RECEPTIONIST)
        starts_at = SERIES_AT - timedelta(hours=3) + timedelta(weeks=self._made)
        plan = appointments.Plan(self.doctor.profile_id, "Back school", starts_at, starts_at + timedelta(hours=1), 8)
        async with transaction(clinic.database.writes) as session:
            return (await appointments.plan_session(session, desk.actor, plan, clock=clinic.clock)).id

    async def _user(self) -> UUID:
        return (await self.clinic.staff(Role.NURSE)).user_id

    async def _login(self) -> UUID:
        """A login of the patient on another device."""
        async with transaction(self.clinic.database.writes) as session:
            opened = await accounts.open_session(session, self.patient.user_id, timedelta(days=1),
                                                 self.clinic.clock.now())  # fmt: skip
        return opened[0]

    async def _client(self) -> UUID:
        return (await self.clinic.app()).id

    async def let_in(self) -> Permit:
        """A code that the patient has let an app have, in a login that nothing has ended yet."""
        app = await self.clinic.app()
        return await self.clinic.let_in(app, await self.clinic.log_in(self.patient))

    async def _no_login(self) -> UUID:
        desk = await self.clinic.staff(Role.RECEPTIONIST)
        profile = {"first_name": "Sam", "last_name": "Sample", "birth_date": date(1950, 1, 1)}
        async with transaction(self.clinic.database.writes) as session:
            made = await patients.register(session, desk.actor, profile, login=None, now=self.clinic.clock.now())
        return made.id


async def world_of(clinic: Clinic, *, has_visit: bool = True, others: dict[Who, Person] | None = None) -> World:
    """A new patient and a new doctor; nobody asks yet."""
    patient, doctor = await clinic.patient(), await clinic.doctor(hours=False)
    hours_id = await clinic.hours(doctor.profile_id, 0, 9 * 60, 17 * 60)
    visit = await clinic.visit(patient, doctor, clinic.clock.now() + timedelta(hours=1)) if has_visit else None
    return World(clinic, patient, doctor, hours_id, visit.id if visit else None, others or {})


async def contents_of(clinic: Clinic) -> dict[str, list[Any]]:
    """Every row of every table but the trail, which grows with every refusal."""
    async with clinic.database.reads() as session:
        return {
            table.name: sorted((await session.execute(select(table))).all(), key=repr)
            for table in metadata.sorted_tables
            if table.name != "audit_events"
        }


def raw_contents_of(clinic: Clinic) -> dict[str, list[Any]]:
    """The same of an SQLite database as its file has it, past the loop: for what asks after each of many refusals."""
    file = clinic.settings.database.database
    assert file
    with closing(sqlite3.connect(file)) as connection:
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr)  # noqa: S608 - our tables
            for name in metadata.tables
            if name != "audit_events"
        }


async def _somebody(clinic: Clinic, who: Who) -> Person:
    if who is Who.OTHER_PATIENT:
        return await clinic.patient()
    if who is Who.OTHER_DOCTOR:
        return await clinic.doctor(hours=False)
    return await clinic.staff(STAFF[who])


async def _as_it_is(id_: UUID) -> UUID:
    return id_
