"""How each route is asked: a request about which nothing can be wrong but who sends it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import uuid4

import httpx

from appointed.accounts.factors import challenges, passkeys
from appointed.accounts.factors.rules import Aim
from appointed.accounts.rules import Purpose
from appointed.appointments.rules import Action
from appointed.availability.rules import HoursKind

from ..support.authenticator import Authenticator
from ..support.factories import CHALLENGE, PASSWORD
from ..support.factors import code_now
from .matrix import Row
from .world import World

# What these name is for everybody to see.
PUBLIC = frozenset({"session_id"})
NEW_PASSWORD = "another sentence is better"
PARAMETER = re.compile(r"{(\w+)}")
PROFILE = {"first_name": "Sam", "last_name": "Sample"}
APP = {"kind": "app", "name": "Pocket Calendar", "scopes": ["appointments:read"],
       "redirect_uris": ["https://app.example.org/callback"]}  # fmt: skip
CALENDAR = "\r\n".join(
    ("BEGIN:VCALENDAR", "BEGIN:VAVAILABILITY", "BEGIN:AVAILABLE", "DTSTART:20310303T090000Z", "DTEND:20310303T180000Z",
     "RRULE:FREQ=WEEKLY", "END:AVAILABLE", "END:VAVAILABILITY", "END:VCALENDAR", "")
)  # fmt: skip
NINE, TEN, TEN_THIRTY = "2031-03-03T09:00:00Z", "2031-03-03T10:00:00Z", "2031-03-03T10:30:00Z"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `path` still has its parameters in braces, `ids` says what they are."""

    method: str
    path: str
    ids: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    calendar: str | None = None

    async def send(self, client: httpx.AsyncClient, headers: Mapping[str, str]) -> httpx.Response:
        sent: dict[str, Any] = {"json": self.json, "data": self.form}
        if self.calendar is not None:
            sent, headers = {"content": self.calendar}, {**headers, "content-type": "text/calendar"}
        return await client.request(self.method, self.path.format(**self.ids), params=self.params, headers=headers,
                                    **sent)  # fmt: skip

    def elsewhere(self) -> "Ask":
        """The same of things that do not exist."""
        body = {**self.json, "patient_id": str(uuid4())} if self.json and "patient_id" in self.json else self.json
        return replace(
            self, ids={name: id_ if name in PUBLIC else str(uuid4()) for name, id_ in self.ids.items()}, json=body
        )


Details = Callable[[World], Awaitable[dict[str, Any]]]


async def ask_of(world: World, row: Row) -> Ask:
    """The row's request about the world's patient; `Details` of a label are looked up before those of its route."""
    method, path = row.route.split()
    details = DETAILS.get(row.label, DETAILS.get(row.route))
    more = await details(world) if details else {}
    ids = more.pop("ids", None)
    if ids is None:
        ids = {name: str(await world.maker_of(name, row.label)()) for name in PARAMETER.findall(path)}
    return Ask(method, path, ids, **more)


def body(**fixed: Any) -> Details:
    async def details(_world: World) -> dict[str, Any]:
        return {"json": fixed}

    return details


def params(**fixed: Any) -> Details:
    async def details(_world: World) -> dict[str, Any]:
        return {"params": fixed}

    return details


def file(path: str) -> Details:
    async def details(_world: World) -> dict[str, Any]:
        return {"ids": {"path": path}}

    return details


async def _login(world: World) -> dict[str, Any]:
    return {"form": {"username": world.anybody.email, "password": PASSWORD}}


async def _refresh(world: World) -> dict[str, Any]:
    return {"json": {"refresh_token": await world.refresh_token()}}


async def _authorization(world: World) -> dict[str, Any]:
    app = await world.clinic.app()
    said = {"client_id": str(app.id), "redirect_uri": app.redirect_uris[0], "response_type": "code", "state": "xyz"}
    return {"json": said | {"code_challenge": CHALLENGE, "code_challenge_method": "S256", "is_allowed": True}}


async def _token(world: World) -> dict[str, Any]:
    return {"form": (await world.let_in()).form}


async def _revocation(world: World) -> dict[str, Any]:
    permit = await world.let_in()
    return {"form": {"client_id": str(permit.client_id), "token": (await world.clinic.redeem(permit)).refresh_token}}


async def _reset(world: World) -> dict[str, Any]:
    return {"json": {"code": await world.code_for(Purpose.PASSWORD_RESET), "password": NEW_PASSWORD}}


async def _confirmation(world: World) -> dict[str, Any]:
    return {"json": {"code": await world.code_for(Purpose.EMAIL_CONFIRMATION)}}


async def _totp_begun(world: World) -> dict[str, Any]:
    return {"json": {"code": code_now(await world.totp(is_confirmed=False), world.clinic.clock)}}


async def _totp_confirmed(world: World) -> dict[str, Any]:
    await world.totp()
    return {"json": {"current_password": PASSWORD}}


async def _second_factor(world: World) -> dict[str, Any]:
    key = await world.totp()
    challenge = await world.challenge(Aim.SECOND_FACTOR)
    return {"json": {"challenge": challenge, "totp": code_now(key, world.clinic.clock, ahead=1)}}


async def _passkey_after_password(world: World) -> dict[str, Any]:
    await world.passkey_of(world.anybody)
    return {"json": {"challenge": await world.challenge(Aim.SECOND_FACTOR)}}


async def passkey_alone(world: World) -> dict[str, Any]:
    authenticator, _ = await world.passkey_of(world.anybody)
    options = passkeys.to_show(world.site, challenges.bytes_of(await world.challenge(Aim.PASSKEY_LOGIN)))
    return {"json": {"credential": authenticator.show(options)}}


async def _new_passkey(world: World) -> dict[str, Any]:
    credential = Authenticator().make(await world.passkey_options(world.anybody))
    return {"json": {"name": "Work laptop", "credential": credential}}


async def _new_user(world: World) -> dict[str, Any]:
    return {
        "json": {"email": world.new_email(), "password": PASSWORD, "display_name": "Robin Desk", "roles": ["nurse"]}
    }


async def _new_patient(world: World) -> dict[str, Any]:
    return {"json": PROFILE | {"email": world.new_email(), "password": PASSWORD}}


async def _new_doctor(world: World) -> dict[str, Any]:
    return {"json": PROFILE | {"email": world.new_email(), "password": PASSWORD, "specialization": "General practice"}}


async def _join(world: World) -> dict[str, Any]:
    return {"json": {"code": await world.invitation(), "password": PASSWORD}}


async def _invite(world: World) -> dict[str, Any]:
    return {"json": {"email": world.new_email()}}


async def _hours(world: World) -> dict[str, Any]:
    hours = {"weekday": "friday", "start_time": "09:00", "end_time": "12:00"}
    return {"json": hours | {"doctor_id": str(world.doctor.profile_id)}}


async def _hours_of(world: World) -> dict[str, Any]:
    return {"params": {"doctor_id": str(world.doctor.profile_id)}}


async def _exception(world: World) -> dict[str, Any]:
    """On a day without hours or visits."""
    closed = {"on_date": "2031-03-08", "kind": "closed"}
    return {"json": closed | {"doctor_id": str(world.doctor.profile_id)}}


async def _calendar(world: World) -> dict[str, Any]:
    """With the hours that there are, but an hour longer."""
    return {"params": {"doctor_id": str(world.doctor.profile_id)}, "calendar": CALENDAR}


async def _week(world: World) -> dict[str, Any]:
    """With one day that differs."""
    day = date(2031, 5, 6)
    hours = {"kind": HoursKind.EXTRA, "valid_from": day, "valid_until": day}
    await world.clinic.hours(world.doctor.profile_id, day.weekday(), 18 * 60, 20 * 60, **hours)
    weeks = {"from_week": "2031-05-05", "to_weeks": ["2031-06-02"]}
    return {"json": weeks | {"doctor_id": str(world.doctor.profile_id)}}


async def _leave(world: World) -> dict[str, Any]:
    leave = {"kind": "leave", "starts_on": "2031-04-07", "ends_on": "2031-04-11", "reason_code": "vacation"}
    return {"json": leave | {"doctor_id": str(world.doctor.profile_id)}}


async def _slots(world: World) -> dict[str, Any]:
    return {"params": {"doctor_id": str(world.doctor.profile_id), "from": "2031-03-03", "to": "2031-03-07"}}


async def _slots_for_patient(world: World) -> dict[str, Any]:
    return {"params": (await _slots(world))["params"] | {"patient_id": str(world.patient.profile_id)}}


async def _booking(world: World) -> dict[str, Any]:
    return {"json": {"doctor_id": str(world.doctor.profile_id), "starts_at": TEN}}


async def _booking_for_patient(world: World) -> dict[str, Any]:
    return {"json": (await _booking(world))["json"] | {"patient_id": str(world.patient.profile_id)}}


async def _fitting_in(world: World) -> dict[str, Any]:
    """At a time when the doctor has somebody else."""
    neighbour = await world.clinic.patient()
    extra = {"starts_at": NINE, "patient_id": str(neighbour.profile_id), "extra": {"reason": "Acute pain"}}
    return {"json": {"doctor_id": str(world.doctor.profile_id)} | extra}


async def _against_the_rules(world: World) -> dict[str, Any]:
    """Before the doctor's hours begin."""
    said = {"starts_at": "2031-03-03T08:30:00Z", "override": {"reason": "The doctor agreed to come early"}}
    return {"json": (await _booking_for_patient(world))["json"] | said}


async def _any_doctor(world: World) -> dict[str, Any]:
    return {"json": {"starts_at": TEN, "specialization": "General practice"}}


async def _any_doctor_for_patient(world: World) -> dict[str, Any]:
    return {"json": (await _any_doctor(world))["json"] | {"patient_id": str(world.patient.profile_id)}}


async def _assignment(world: World) -> dict[str, Any]:
    return {"json": {"location_ids": [str(await world.place())]}}


async def _room(world: World) -> dict[str, Any]:
    return {"json": {"location_id": str(await world.place()), "name": "Room 2", "kind": "treatment"}}


async def _two_places(world: World) -> dict[str, Any]:
    location_id, other_id = await world.places_apart()
    return {"ids": {"location_id": str(location_id), "other_id": str(other_id)}}


async def _travel(world: World) -> dict[str, Any]:
    return await _two_places(world) | {"json": {"minutes": 20}}


async def _day(world: World) -> dict[str, Any]:
    closed = {"is_open": False, "name": "Works outing"}
    return {"ids": {"location_id": str(await world.place()), "on_date": "2031-03-11"}, "json": closed}


async def _closed_day(world: World) -> dict[str, Any]:
    return {"ids": {"location_id": str(await world.closed_place("2031-03-11")), "on_date": "2031-03-11"}}


async def _offer(world: World) -> dict[str, Any]:
    """The only one."""
    ids = {"visit_type_id": str(await world.offered()), "doctor_id": str(world.doctor.profile_id)}
    return {"ids": ids, "params": {"everybody": True}}


async def _series(world: World) -> dict[str, Any]:
    return {"json": (await _booking(world))["json"] | {"every_weeks": 1, "count": 2}}


async def _series_for_patient(world: World) -> dict[str, Any]:
    return {"json": (await _series(world))["json"] | {"patient_id": str(world.patient.profile_id)}}


async def _family(world: World) -> dict[str, Any]:
    members = [{"patient_id": str(each.profile_id)} for each in (world.patient, await world.clinic.patient())]
    return {"json": (await _booking(world))["json"] | {"members": members}}


async def _session(world: World) -> dict[str, Any]:
    times = {"starts_at": "2031-03-03T15:00:00Z", "ends_at": "2031-03-03T16:00:00Z", "capacity": 8}
    return {"json": {"doctor_id": str(world.doctor.profile_id), "title": "Back school", **times}}


async def _place_for_patient(world: World) -> dict[str, Any]:
    return {"json": {"patient_id": str(world.patient.profile_id)}}


async def _unsigned(world: World) -> dict[str, Any]:
    return {"ids": {"record_id": str(await world.record("preliminary"))}}


async def _released(world: World) -> dict[str, Any]:
    return {"ids": {"record_id": str(await world.released())}}


async def _asked(world: World) -> dict[str, Any]:
    """Of who asks, if they are a patient."""
    await world.ask_for_erasure()
    return {}


def _after(*actions: Action, **said: Any) -> Details:
    """Of a visit with which this was done before."""

    async def details(world: World) -> dict[str, Any]:
        visit_id = await world.begun() if Action.NO_SHOW in actions else world.visit_id
        for action in actions:
            await world.move(visit_id, action)
        return {"json": said or None, "ids": {"appointment_id": str(visit_id)}}

    return details


async def _begun(world: World) -> dict[str, Any]:
    """Of a visit that began a while ago."""
    return {"ids": {"appointment_id": str(await world.begun())}}


async def _related_person(world: World) -> dict[str, Any]:
    other = await world.clinic.patient()
    return {"json": {"email": other.email, "relationship": "carer", "may_book": True}}


async def _cover(world: World) -> dict[str, Any]:
    days = {"valid_from": "2031-03-03", "valid_until": "2031-03-14"}
    return {"json": {"by_doctor_id": str((await world.clinic.doctor(hours=False)).profile_id), **days}}


async def _entered_cover(world: World) -> dict[str, Any]:
    return {"ids": {"doctor_id": str(world.doctor.profile_id), "cover_id": str(await world.cover())}}


async def _emergency(world: World) -> dict[str, Any]:
    return {"json": {"patient_id": str(world.patient.profile_id), "reason": "Unconscious in the waiting room"}}


async def _opened_record(world: World) -> dict[str, Any]:
    return {"ids": {"access_id": str(await world.emergency())}, "json": {"note": "Justified"}}


KEEPING = params(visits="keep")
DETAILS: Mapping[str, Details] = {
    "POST /auth/login": _login,
    "POST /auth/refresh": _refresh,
    "POST /auth/authorize": _authorization,
    "POST /auth/token": _token,
    "POST /auth/revoke": _revocation,
    "POST /clients": body(**APP),
    "PATCH /clients/{client_id}": body(scopes=["profile"]),
    "POST /auth/password": body(current_password=PASSWORD, new_password=NEW_PASSWORD),
    "POST /auth/login/second-factor": _second_factor,
    "POST /auth/login/second-factor/options": _passkey_after_password,
    "POST /auth/login/passkey": passkey_alone,
    "POST /auth/totp": body(current_password=PASSWORD),
    "POST /auth/totp/confirm": _totp_begun,
    "DELETE /auth/totp": _totp_confirmed,
    "POST /auth/recovery-codes": _totp_confirmed,
    "POST /auth/passkeys/options": body(current_password=PASSWORD),
    "POST /auth/passkeys": _new_passkey,
    "PATCH /auth/passkeys/{passkey_id}": body(name="Old laptop"),
    "DELETE /auth/passkeys/{passkey_id}": body(current_password=PASSWORD),
    "POST /auth/password-reset": body(email="nobody@example.org"),
    "POST /auth/password-reset/confirm": _reset,
    "POST /auth/email-confirmation/confirm": _confirmation,
    "POST /users": _new_user,
    "PATCH /users/{user_id}": body(display_name="Robin Front"),
    "POST /patients/new-patient": _new_patient,
    "POST /patients/new-patient without a login": body(**PROFILE, birth_date="1950-01-01"),
    "PATCH /patients/me": body(preferred_name="Sammy"),
    "PATCH /patients/{patient_id}": body(preferred_name="Sammy"),
    "DELETE /patients/{patient_id}": KEEPING,
    "POST /patients/{patient_id}/invite": _invite,
    "POST /patients/join": _join,
    "POST /patients/{patient_id}/erase": body(reason="consent_withdrawn"),
    "DELETE /patients/me/erasure-request": _asked,
    "POST /patients/{patient_id}/related-people": _related_person,
    "PATCH /patients/{patient_id}/related-people/{relation_id}": body(may_read=True),
    "POST /doctors/new-doctor": _new_doctor,
    "PATCH /doctors/me": body(bio="Likes to listen."),
    "PATCH /doctors/{doctor_id}": body(bio="Likes to listen."),
    "DELETE /doctors/{doctor_id}": KEEPING,
    "POST /doctors/{doctor_id}/covers": _cover,
    "DELETE /doctors/{doctor_id}/covers/{cover_id}": _entered_cover,
    "POST /emergency-accesses without a visit": _emergency,
    "POST /emergency-accesses/{access_id}/review": _opened_record,
    "PUT /users/{user_id}/locations": _assignment,
    "POST /locations": body(name="North Street", timezone="Europe/Berlin"),
    "GET /locations/{location_id}/holidays": params(year=2031),
    "PATCH /locations/{location_id}": body(timezone="Europe/Vienna"),
    "DELETE /locations/{location_id}": KEEPING,
    "PUT /locations/{location_id}/days/{on_date}": _day,
    "DELETE /locations/{location_id}/days/{on_date}": _closed_day,
    "PUT /locations/{location_id}/travel/{other_id}": _travel,
    "DELETE /locations/{location_id}/travel/{other_id}": _two_places,
    "POST /rooms": _room,
    "PATCH /rooms/{room_id}": body(name="Room 3"),
    "DELETE /rooms/{room_id}": KEEPING,
    "POST /visit-types": body(name="Check-up", length_minutes=20),
    "PATCH /visit-types/{visit_type_id}": body(name="Long check-up"),
    "DELETE /visit-types/{visit_type_id}": KEEPING,
    "PUT /visit-types/{visit_type_id}/offers/{doctor_id}": body(length_minutes=45),
    "DELETE /visit-types/{visit_type_id}/offers/{doctor_id}": _offer,
    "POST /availability": _hours,
    "GET /availability": _hours_of,
    "PATCH /availability/{schedule_id}": body(end_time="18:00"),
    "DELETE /availability/{schedule_id}": KEEPING,
    "POST /availability/exceptions": _exception,
    "POST /availability/copy-week": _week,
    "GET /availability/vavailability": _hours_of,
    "PUT /availability/vavailability": _calendar,
    "POST /availability/time-off": _leave,
    "GET /availability/time-off": _hours_of,
    "PATCH /availability/time-off/{absence_id}": body(reason_code="meeting"),
    "GET /slots": _slots,
    "GET /slots for the patient": _slots_for_patient,
    "GET /slots/days": _slots,
    "GET /slots/days for the patient": _slots_for_patient,
    "POST /appointments": _booking,
    "POST /appointments for the patient": _booking_for_patient,
    "POST /appointments fitted in": _fitting_in,
    "POST /appointments against the rules": _against_the_rules,
    "POST /appointments/any-doctor": _any_doctor,
    "POST /appointments/any-doctor for the patient": _any_doctor_for_patient,
    "POST /appointments/holds": _booking,
    "POST /appointments/holds for the patient": _booking_for_patient,
    "POST /appointments/{appointment_id}/reschedule": body(starts_at=TEN),
    "POST /appointments/{appointment_id}/undo": _after(Action.ARRIVE, Action.ROOM),
    "POST /appointments/series": _series,
    "POST /appointments/series for the patient": _series_for_patient,
    "POST /appointments/series/{series_id}/cancel": body(reason="Well again"),
    "POST /appointments/series/{series_id}/reschedule": body(starts_at="2031-03-10T16:00:00Z"),
    "POST /appointments/family": _family,
    "POST /sessions": _session,
    "POST /sessions/{session_id}/places": body(),
    "POST /sessions/{session_id}/places for the patient": _place_for_patient,
    "POST /sessions/{session_id}/cancel": body(reason="The trainer is ill"),
    "POST /appointments/{appointment_id}/cancel": body(reason="Well again"),
    "POST /appointments/{appointment_id}/room": _after(Action.ARRIVE),
    "POST /appointments/{appointment_id}/start": _after(Action.ARRIVE),
    "POST /appointments/{appointment_id}/complete": _after(Action.ARRIVE),
    "POST /appointments/{appointment_id}/no-show": _begun,
    "POST /appointments/{appointment_id}/excuse": _after(Action.NO_SHOW, reason="The bus broke down"),
    "POST /appointments/{appointment_id}/correct": body(reason="Entered for the wrong patient"),
    "PUT /doctors/{doctor_id}/running-late": body(minutes=20),
    "POST /medical-records/new-medical-report/{patient_id}": body(notes="Cough for three days"),
    "GET /medical-records/record/{record_id} unsigned": _unsigned,
    "POST /medical-records/record/{record_id}/amend": body(notes="Cough for five days"),
    "POST /medical-records/record/{record_id}/retract": body(reason="Written about the wrong patient"),
    "DELETE /medical-records/record/{record_id}/release": _released,
    "GET /api-docs-assets/{path}": file("swagger-ui.css"),
    "GET /static/{path}": file("link.js"),
}
