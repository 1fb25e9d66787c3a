"""Many clients released at the same moment, and whether what they left in the database is sound."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx
from sqlalchemy import insert

from appointed.accounts.actor import Actor, Role
from appointed.accounts.models import LoginSession, User, UserRole
from appointed.accounts.refresh import hash_of
from appointed.core.db import transaction
from appointed.core.ids import new_id
from appointed.deps.auth import PERMISSIONS
from appointed.patients.codes import new_record_number
from appointed.patients.models import Patient
from appointed.resources.models import Resource

from .factories import Clinic, Person

PATIENCE_SECONDS = 60
# Less than a server's, or it might end a connection at the moment at which it is used again.
IDLE_SECONDS = 2
HALF_HOUR = timedelta(minutes=30)
T = TypeVar("T")


async def enrol(clinic: Clinic, count: int) -> list[Person]:
    """Patients, each with a login and a session, in five statements however many they are."""
    now = clinic.clock.now()
    people = [_invented() for _ in range(count)]
    tables: list[tuple[Any, list[dict[str, Any]]]] = [
        (User, [{"id": p.user_id, "email": p.email, "password_hash": "none", "display_name": "Pat Sample",
                 "is_active": True, "created_at": now} for p in people]),
        (UserRole, [{"user_id": p.user_id, "role": Role.PATIENT} for p in people]),
        (LoginSession, [{"id": p.actor.session_id, "user_id": p.user_id, "refresh_hash": hash_of(p.email),
                         "created_at": now, "expires_at": now + timedelta(days=1)} for p in people]),
        (Resource, [{"id": p.profile_id, "kind": "patient"} for p in people]),
        (Patient, [{"id": p.profile_id, "user_id": p.user_id, "record_number": new_record_number(), "first_name": "Pat",
                    "last_name": "Sample", "first_name_key": "pat", "last_name_key": "sample", "is_active": True,
                    "created_at": now} for p in people]),
    ]  # fmt: skip
    async with transaction(clinic.database.writes) as session:
        for model, rows in tables:
            await session.execute(insert(model), rows)
    return [_logged_in(clinic, person, now) for person in people]


def _invented() -> Person:
    user_id = new_id()
    actor = Actor(user_id, new_id(), frozenset({Role.PATIENT}), PERMISSIONS[Role.PATIENT])
    return Person(user_id, {}, actor, f"{user_id}@example.org", new_id())


def _logged_in(clinic: Clinic, person: Person, now: datetime) -> Person:
    token = clinic.tokens.issue(person.user_id, person.actor.session_id, now)
    return Person(person.user_id, {"Authorization": f"Bearer {token}"}, person.actor, person.email, person.id)


@asynccontextmanager
async def connected(people: Iterable[Person], *urls: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client for each of them with a connection of its own, open already; the servers in turn."""
    # Making it is most of what a client costs, and nothing here speaks TLS.
    context = ssl.create_default_context()
    limits = httpx.Limits(keepalive_expiry=IDLE_SECONDS)
    clients = [
        httpx.AsyncClient(base_url=urls[number % len(urls)], headers=dict(person.headers), timeout=PATIENCE_SECONDS,
                          limits=limits, verify=context, trust_env=False)
        for number, person in enumerate(people)
    ]  # fmt: skip
    try:
        await asyncio.gather(*(client.get("/health/live") for client in clients))
        yield clients
    finally:
        await asyncio.gather(*(client.aclose() for client in clients))


async def at_once(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """What each call gave, all of them begun when the last was ready."""
    ready = asyncio.Barrier(len(calls))

    async def begun(call: Callable[[], Awaitable[T]]) -> T:
        await ready.wait()
        return await call()

    return await asyncio.gather(*(begun(call) for call in calls))


def booking(client: httpx.AsyncClient, doctor_id: UUID | str, starts_at: datetime, **more: Any) -> Any:
    """A call that books."""
    body = {"doctor_id": str(doctor_id), "starts_at": starts_at.isoformat()} | more
    return lambda: client.post("/appointments", json=body)


def posting(client: httpx.AsyncClient, path: str, **body: Any) -> Any:
    """A call that posts `body`."""
    return lambda: client.post(path, json=body)


def tally(responses: Iterable[httpx.Response]) -> Counter[str]:
    """How many answers there were of each kind: `201`, `409 slot_taken`."""
    return Counter(_kind_of(response) for response in responses)


def _kind_of(response: httpx.Response) -> str:
    return str(response.status_code) if response.is_success else f"{response.status_code} {response.json()['code']}"


def winners(responses: Iterable[httpx.Response]) -> list[Any]:
    """The visits that were booked."""
    return [response.json() for response in responses if response.status_code == 201]


def check_one_winner(responses: Sequence[httpx.Response]) -> None:
    """One has the time; everybody else is told that it is taken, and what is free instead."""
    assert tally(responses) == {"201": 1, "409 slot_taken": len(responses) - 1}
    assert all(response.json()["alternatives"] for response in responses if response.status_code == 409)


def day_after_tomorrow(hour: int = 9) -> datetime:
    """A time to come, whatever the time is now."""
    return datetime.combine(datetime.now(UTC).date() + timedelta(days=2), time(hour), UTC)
