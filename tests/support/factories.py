"""A small clinic with somebody of each role, made by the services themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts, availability, doctors, patients
from appointed.accounts.actor import Actor, Role
from appointed.accounts.client_models import OAuthClient
from appointed.accounts.passwords import Hasher
from appointed.accounts.scopes import Scope
from appointed.accounts.tokens import Tokens
from appointed.appointments import service as appointments
from appointed.appointments.models import Appointment
from appointed.appointments.policy import Policy
from appointed.availability.service import WeeklyHours
from appointed.bootstrap import bootstrap
from appointed.core.clock import Clock
from appointed.core.db import Database, transaction
from appointed.core.settings import Settings
from appointed.deps.auth import PERMISSIONS
from appointed.locations import service as locations
from appointed.locations.models import Location, Room
from appointed.oauth import authorizing, clients
from appointed.oauth import service as oauth
from appointed.oauth.rules import ClientKind
from appointed.visit_types import service as visit_types
from appointed.visit_types.models import VisitType

PASSWORD = "correct horse battery"
# RFC 7636 appendix B.
VERIFIER, CHALLENGE = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
CALLBACK = "https://app.example.org/callback"
_HASHER = Hasher(4)
_hash: list[str] = []


async def password_hash() -> str:
    """Hashed once a run: every invented person has the same password."""
    if not _hash:
        _hash.append(await _HASHER.hash(PASSWORD))
    return _hash[0]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a login. `id` is the patient's or the doctor's, where they are one."""

    user_id: UUID
    headers: Mapping[str, str]
    actor: Actor
    email: str
    id: UUID | None = None

    @property
    def profile_id(self) -> UUID:
        assert self.id is not None
        return self.id


@dataclass(frozen=True, slots=True)
class Permit:
    """A code that an app was given."""

    client_id: UUID
    code: str
    redirect_uri: str

    @property
    def form(self) -> dict[str, str]:
        """What the app sends for it."""
        return {"grant_type": "authorization_code", "client_id": str(self.client_id), "code": self.code,
                "redirect_uri": self.redirect_uri, "code_verifier": VERIFIER}  # fmt: skip


@dataclass(slots=True)
class Clinic:
    """Makes people, hours and visits in a database that has been set up."""

    database: Database
    settings: Settings
    clock: Clock
    tokens: Tokens = field(init=False)
    _made: int = 0

    def __post_init__(self) -> None:
        self.tokens = Tokens.of(self.settings)

    async def open(self) -> None:
        await bootstrap(self.database, self.settings, self.clock)

    async def staff(self, *roles: Role) -> Person:
        email = self._email("staff")
        async with transaction(self.database.writes) as session:
            user = await accounts.create(
                session,
                email=email,
                password_hash=await password_hash(),
                display_name="Robin Desk",
                roles=roles,
                by=None,
                now=self.clock.now(),
            )
            return await self._person(session, user.id, frozenset(roles), email)

    async def doctor(self, *, hours: bool = True, **profile: Any) -> Person:
        """With hours from 09:00 to 17:00 on every day, unless `hours` is false."""
        email = self._email("doctor")
        profile = {
            "first_name": "Dana",
            "last_name": "Demo",
            "specialization": "General practice",
            "languages": ["en"],
        } | profile
        async with transaction(self.database.writes) as session:
            doctor = await doctors.register(session, None, profile, email=email, password_hash=await password_hash(),
                                            now=self.clock.now())  # fmt: skip
            for weekday in range(7 if hours else 0):
                every_day = WeeklyHours(weekday, 9 * 60, 17 * 60)
                await availability.add(session, None, doctor.id, every_day, now=self.clock.now())
            return await self._person(session, doctor.user_id, frozenset({Role.DOCTOR}), email, doctor.id)

    async def hours(self, doctor_id: UUID, weekday: int, start_minute: int, end_minute: int, **more: Any) -> UUID:
        async with transaction(self.database.writes) as session:
            hours = WeeklyHours(weekday, start_minute, end_minute, **more)
            row = await availability.add(session, None, doctor_id, hours, now=self.clock.now())
        return row.id

    async def patient(self, **profile: Any) -> Person:
        email = self._email("patient")
        profile = {"first_name": "Pat", "last_name": "Sample"} | profile
        async with transaction(self.database.writes) as session:
            login = patients.Login(email, await password_hash())
            patient = await patients.register(session, None, profile, login=login, now=self.clock.now())
            assert patient.user_id is not None
            return await self._person(session, patient.user_id, frozenset({Role.PATIENT}), email, patient.id)

    async def app(self, *scopes: Scope, **more: Any) -> OAuthClient:
        """An app that may be let in for these scopes, or for seeing visits."""
        new = clients.NewClient(ClientKind.APP, more.pop("name", "Pocket Calendar"),
                                " ".join(sorted(scopes or [Scope.APPOINTMENTS_READ])),
                                more.pop("redirect_uris", [CALLBACK]))  # fmt: skip
        return await self._client(new)

    async def machine(self, keys: Sequence[dict[str, Any]], *scopes: Scope, role: Role = Role.NURSE) -> OAuthClient:
        new = clients.NewClient(ClientKind.MACHINE, "Lab feed", " ".join(sorted(scopes)), (), keys, [role])
        return await self._client(new)

    async def _client(self, new: clients.NewClient) -> OAuthClient:
        by = await self.staff(Role.ADMIN)
        async with transaction(self.database.writes) as session:
            return await clients.create(session, by.actor, new, self.clock.now())

    async def let_in(self, app: OAuthClient, who: Person, **changes: Any) -> Permit:
        """Somebody lets an app act for them: what the app then trades for tokens."""
        said: dict[str, Any] = {"client_id": app.id, "redirect_uri": app.redirect_uris[0], "code_challenge": CHALLENGE,
                "code_challenge_method": "S256"} | changes  # fmt: skip
        asked = authorizing.Asked(**said)
        async with transaction(self.database.writes) as session:
            address = await authorizing.authorize(session, who.actor, asked, is_allowed=True,
                                                  issuer=self.settings.issuer, now=self.clock.now())  # fmt: skip
        return Permit(app.id, parse_qs(urlsplit(address).query)["code"][0], asked.redirect_uri)

    async def redeem(self, permit: Permit) -> oauth.Issued:
        desk = oauth.Desk(self.database, self.tokens, self.clock, ())
        return await oauth.by_code(desk, permit.code, client_id=permit.client_id, redirect_uri=permit.redirect_uri,
                                   verifier=VERIFIER, lasting=timedelta(days=30))  # fmt: skip

    async def by_app(self, who: Person, *scopes: Scope) -> dict[str, str]:
        """The headers with which an app, let in for these scopes, asks in somebody's name."""
        issued = await self.redeem(await self.let_in(await self.app(*scopes), who))
        return {"Authorization": f"Bearer {issued.access_token}"}

    async def location(self, **said: Any) -> Location:
        place = locations.Place(**({"name": "North Street", "timezone": "UTC"} | said))
        async with transaction(self.database.writes) as session:
            return await locations.create(session, None, place, now=self.clock.now())

    async def room(self, location_id: UUID, kind: str = "treatment", **more: Any) -> Room:
        new = locations.NewRoom(location_id, **({"name": "Room 2", "kind": kind} | more))
        async with transaction(self.database.writes) as session:
            return await locations.add_room(session, None, new, now=self.clock.now())

    async def visit_type(self, **rules: Any) -> VisitType:
        async with transaction(self.database.writes) as session:
            return await visit_types.create(session, **({"name": "Check-up"} | rules), now=self.clock.now())

    async def visit(self, patient: Person, doctor: Person, starts_at: datetime, **more: Any) -> Appointment:
        """A booked visit, by the patient unless `by` says otherwise."""
        by: Person = more.pop("by", patient)
        booking = appointments.Booking(doctor.profile_id, starts_at, **more)
        async with transaction(self.database.writes) as session:
            return await appointments.book(session, by.actor, booking, policy=Policy(),
                                           clock=self.clock)  # fmt: skip

    async def log_in(self, who: Person) -> Person:
        """Once more, where time has passed and their login has ended."""
        async with transaction(self.database.writes) as session:
            return await self._person(session, who.user_id, who.actor.roles, who.email, who.id)

    async def _person(
        self, session: AsyncSession, user_id: UUID, roles: frozenset[Role], email: str, id_: UUID | None = None
    ) -> Person:
        """Logged in, in the transaction that made them."""
        now = self.clock.now()
        session_id, _ = await accounts.open_session(session, user_id, timedelta(days=30), now)
        token = self.tokens.issue(user_id, session_id, now)
        permissions = frozenset().union(*(PERMISSIONS[role] for role in roles))
        actor = Actor(user_id, session_id, roles, permissions)
        return Person(user_id, {"Authorization": f"Bearer {token}"}, actor, email, id_)

    def _email(self, kind: str) -> str:
        self._made += 1
        return f"{kind}{self._made}@example.org"
