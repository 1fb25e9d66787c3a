"""Accounts: one an address, never without an administrator, and sessions that end when they should."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from appointed import accounts
from appointed.accounts import queries
from appointed.accounts.actor import Role
from appointed.accounts.errors import EmailTaken, InvalidToken, LastAdministrator
from appointed.accounts.models import LoginSession, User
from appointed.accounts.refresh import GRACE, Chain, Place, first_token, hash_of, place_of
from appointed.accounts.tokens import AccessToken
from appointed.audit.models import AuditEvent
from appointed.core.db import Database, transaction
from appointed.core.errors import NotFound
from appointed.core.ids import new_id
from tests.support.clock import FixedClock
from tests.support.interference import ROW_LOCK, heard

MONTH, SECOND = timedelta(days=30), timedelta(seconds=1)
CHAIN = Chain("s" * 32)


async def create(database: Database, clock: FixedClock, email: str = "zoe@example.org", *roles: Role) -> UUID:
    async with transaction(database.writes) as session:
        user = await accounts.create(
            session, email=email, password_hash="1:x", display_name="Zoë", roles=roles, by=None, now=clock.now()
        )
    return user.id


async def change(
    database: Database,
    clock: FixedClock,
    user_id: UUID,
    *,
    roles: list[Role] | None = None,
    is_active: bool | None = None,
) -> None:
    async with transaction(database.writes) as session:
        await accounts.change(session, user_id, roles=roles, is_active=is_active, by=None, now=clock.now())


async def log_in(database: Database, clock: FixedClock, user_id: UUID) -> tuple[AccessToken, str]:
    async with transaction(database.writes) as session:
        session_id, refresh_token = await accounts.open_session(session, user_id, MONTH, clock.now())
    return AccessToken(user_id, session_id), refresh_token


async def rotate(
    database: Database, clock: FixedClock, refresh_token: str, *, idle: timedelta | None = None, chain: Chain = CHAIN
) -> str:
    async with transaction(database.writes) as session:
        refreshed = await accounts.rotate(session, chain, refresh_token, idle=idle, now=clock.now())
    if refreshed is None:
        raise InvalidToken
    return refreshed.token


async def end_of(database: Database) -> datetime | None:
    """When the one session that there is ended."""
    async with database.reads() as session:
        return (await session.scalars(select(LoginSession.ended_at))).one()


async def roles_of(database: Database, clock: FixedClock, token: AccessToken) -> list[str] | None:
    async with database.reads() as session:
        standing = await queries.find_standing(session, token, clock.now())
    return sorted(standing.roles) if standing else None


# --- accounts --------------------------------------------------------------------------------------------------------


async def test_an_account_has_its_roles_once_each(database: Database, clock: FixedClock) -> None:
    user_id = await create(database, clock, "zoe@example.org", Role.NURSE, Role.DOCTOR, Role.NURSE)
    async with database.reads() as session:
        user = await queries.get(session, user_id)
    assert (user.email, user.roles, user.is_active, user.created_at) == (
        "zoe@example.org", ["doctor", "nurse"], True, clock.now())  # fmt: skip


async def test_an_address_has_one_account(database: Database, clock: FixedClock) -> None:
    await create(database, clock)
    with pytest.raises(EmailTaken):
        await create(database, clock)
    async with database.reads() as session:
        assert len((await session.scalars(select(User))).all()) == 1


async def test_of_many_who_take_an_address_at_once_one_has_it(database: Database, clock: FixedClock) -> None:
    ended = await asyncio.gather(*(create(database, clock) for _ in range(8)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in ended) == ["EmailTaken"] * 7 + ["UUID"]


async def test_an_account_that_does_not_exist_is_missing(database: Database, clock: FixedClock) -> None:
    with pytest.raises(NotFound):
        await change(database, clock, new_id(), is_active=False)


async def test_making_and_changing_an_account_leaves_a_trail_without_its_address(
    database: Database, clock: FixedClock
) -> None:
    user_id = await create(database, clock, "zoe@example.org", Role.NURSE)
    await change(database, clock, user_id, roles=[Role.DOCTOR])
    async with database.reads() as session:
        events = (await session.scalars(select(AuditEvent).order_by(AuditEvent.id))).all()
    assert [(event.action, event.entity_id, event.detail["roles"]) for event in events] == [
        ("user.create", user_id, "nurse"), ("user.change", user_id, "doctor")]  # fmt: skip
    assert "example.org" not in str([event.detail for event in events])


# --- administrators --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [{"roles": [Role.NURSE]}, {"is_active": False}], ids=["role", "activity"])
async def test_the_last_administrator_stays_one(database: Database, clock: FixedClock, loss: dict[str, Any]) -> None:
    only = await create(database, clock, "only@example.org", Role.ADMIN)
    with pytest.raises(LastAdministrator):
        await change(database, clock, only, **loss)
    await create(database, clock, "other@example.org", Role.ADMIN)
    await change(database, clock, only, **loss)


async def test_a_disabled_administrator_is_none(database: Database, clock: FixedClock) -> None:
    one = await create(database, clock, "one@example.org", Role.ADMIN)
    other = await create(database, clock, "other@example.org", Role.ADMIN)
    await change(database, clock, other, is_active=False)
    with pytest.raises(LastAdministrator):
        await change(database, clock, one, is_active=False)


async def test_two_administrators_who_disable_each_other_at_once_leave_one(
    database: Database, clock: FixedClock
) -> None:
    both = [await create(database, clock, f"{name}@example.org", Role.ADMIN) for name in ("one", "other")]
    ended = await asyncio.gather(
        *(change(database, clock, each, is_active=False) for each in both), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in ended) == ["LastAdministrator", "NoneType"]


@pytest.mark.backends("postgresql", "mysql")
async def test_a_role_that_is_being_taken_is_not_given_back_with_another(database: Database, clock: FixedClock) -> None:
    await create(database, clock, "other@example.org", Role.ADMIN)
    user_id = await create(database, clock, "zoe@example.org", Role.ADMIN, Role.NURSE)

    locking = asyncio.Event()

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if ROW_LOCK.search(statement):
            locking.set()

    async def granted() -> None:
        async with transaction(database.writes) as session:
            await accounts.grant(session, user_id, Role.PATIENT, by=user_id, now=clock.now())

    async with transaction(database.writes) as session:
        await accounts.change(session, user_id, roles=[Role.NURSE], by=None, now=clock.now())
        with heard(database.engines[-1], "before_cursor_execute", note):
            waiting = asyncio.create_task(granted())
            await locking.wait()
    await waiting
    async with database.reads() as session:
        assert (await queries.get(session, user_id)).roles == ["nurse", "patient"]


# --- sessions --------------------------------------------------------------------------------------------------------


async def test_a_session_is_good_until_it_expires(database: Database, clock: FixedClock) -> None:
    token, _ = await log_in(database, clock, await create(database, clock, "zoe@example.org", Role.NURSE))
    clock.advance(MONTH - timedelta(microseconds=1))
    assert await roles_of(database, clock, token) == ["nurse"]
    clock.advance(timedelta(microseconds=1))
    assert await roles_of(database, clock, token) is None


async def test_a_user_without_roles_is_somebody_all_the_same(database: Database, clock: FixedClock) -> None:
    token, _ = await log_in(database, clock, await create(database, clock))
    assert await roles_of(database, clock, token) == []


async def test_somebody_elses_session_is_not_ones_own(database: Database, clock: FixedClock) -> None:
    token, _ = await log_in(database, clock, await create(database, clock))
    other = await create(database, clock, "ada@example.org")
    assert await roles_of(database, clock, AccessToken(other, token.session_id)) is None


async def test_logging_out_ends_one_session(database: Database, clock: FixedClock) -> None:
    user_id = await create(database, clock)
    (phone, phone_refresh), (desk, _) = await log_in(database, clock, user_id), await log_in(database, clock, user_id)
    async with transaction(database.writes) as session:
        await accounts.end_session(session, phone.session_id, by=user_id, now=clock.now())
    assert await roles_of(database, clock, phone) is None
    assert await roles_of(database, clock, desk) == []
    with pytest.raises(InvalidToken):
        await rotate(database, clock, phone_refresh)


@pytest.mark.parametrize("event", ["disabled", "role lost", "role won", "new password"])
async def test_what_changes_what_somebody_may_do_ends_their_sessions(
    database: Database, clock: FixedClock, event: str
) -> None:
    user_id = await create(database, clock, "zoe@example.org", Role.NURSE)
    token, refresh_token = await log_in(database, clock, user_id)
    match event:
        case "disabled":
            await change(database, clock, user_id, is_active=False)
        case "role lost":
            await change(database, clock, user_id, roles=[])
        case "role won":
            await change(database, clock, user_id, roles=[Role.NURSE, Role.ADMIN])
        case _:
            async with transaction(database.writes) as session:
                await accounts.set_password(session, user_id, "1:y", by=user_id, now=clock.now())
    assert await roles_of(database, clock, token) is None
    with pytest.raises(InvalidToken):
        await rotate(database, clock, refresh_token)


async def test_a_change_that_changes_nothing_ends_no_session(database: Database, clock: FixedClock) -> None:
    user_id = await create(database, clock, "zoe@example.org", Role.NURSE)
    token, _ = await log_in(database, clock, user_id)
    await change(database, clock, user_id, roles=[Role.NURSE], is_active=True)
    assert await roles_of(database, clock, token) == ["nurse"]


# --- refresh tokens --------------------------------------------------------------------------------------------------


async def test_who_never_got_an_answer_gets_the_same_one_for_ten_seconds(database: Database, clock: FixedClock) -> None:
    _, first = await log_in(database, clock, await create(database, clock))
    second = await rotate(database, clock, first)
    clock.advance(GRACE - timedelta(microseconds=1))
    assert await rotate(database, clock, first) == second
    third = await rotate(database, clock, second)
    assert len({first, second, third}) == 3
    assert await end_of(database) is None


@pytest.mark.parametrize("later", [GRACE, timedelta(days=1)])
async def test_a_token_that_comes_back_later_ends_the_session(
    database: Database, clock: FixedClock, later: timedelta
) -> None:
    token, first = await log_in(database, clock, await create(database, clock))
    second = await rotate(database, clock, first)
    clock.advance(later)
    with pytest.raises(InvalidToken):
        await rotate(database, clock, first)
    with pytest.raises(InvalidToken):
        await rotate(database, clock, second)
    assert await roles_of(database, clock, token) is None
    async with database.reads() as session:
        query = select(AuditEvent).where(AuditEvent.action == "session.reuse")
        (event,) = (await session.scalars(query)).all()
    assert (event.entity_id, event.actor_id, event.outcome) == (token.session_id, token.user_id, "invalid_token")


async def test_a_token_older_than_the_one_before_ends_the_session_at_once(
    database: Database, clock: FixedClock
) -> None:
    _, first = await log_in(database, clock, await create(database, clock))
    second = await rotate(database, clock, first)
    third = await rotate(database, clock, second)
    with pytest.raises(InvalidToken):
        await rotate(database, clock, first)
    for token in (second, third):
        with pytest.raises(InvalidToken):
            await rotate(database, clock, token)
    assert await end_of(database) == clock.now()


async def test_an_invented_token_of_a_session_does_not_end_it(
    database: Database, clock: FixedClock, sqlite_database: object
) -> None:
    """Else whoever knows the id of a session, which is no secret, could log its user out."""
    token, first = await log_in(database, clock, await create(database, clock))
    last = await rotate(database, clock, await rotate(database, clock, first))
    stranger = Chain("o" * 32)
    place = Place(token.session_id, 2)
    invented = [first_token(token.session_id), stranger.following(first, place), CHAIN.following(last, place),
                last[:-9] + ("A" if last[-9] != "A" else "B") + last[-8:]]  # fmt: skip
    for each in invented:
        assert place_of(each)
        with pytest.raises(InvalidToken):
            await rotate(database, clock, each)
    await rotate(database, clock, last)


async def test_twenty_uses_of_one_token_at_once_make_one_successor(database: Database, clock: FixedClock) -> None:
    _, token = await log_in(database, clock, await create(database, clock))
    got = await asyncio.gather(*(rotate(database, clock, token) for _ in range(20)))
    async with database.reads() as session:
        login = (await session.scalars(select(LoginSession))).one()
    assert {hash_of(each) for each in got} == {login.refresh_hash}
    assert (login.generation, login.ended_at) == (1, None)


async def test_a_token_of_a_session_that_was_opened_before_tokens_had_places_is_good_once(
    database: Database, clock: FixedClock, sqlite_database: object
) -> None:
    token, _ = await log_in(database, clock, await create(database, clock))
    async with transaction(database.writes) as session:
        await session.execute(update(LoginSession).values(refresh_hash=hash_of("an old secret")))
    following = await rotate(database, clock, "an old secret")
    assert place_of(following) == Place(token.session_id, 1)
    with pytest.raises(InvalidToken):
        await rotate(database, clock, "an old secret")
    await rotate(database, clock, following)


async def test_a_session_ends_by_its_login_however_often_it_is_refreshed(
    database: Database, clock: FixedClock, sqlite_database: object
) -> None:
    _, token = await log_in(database, clock, await create(database, clock))
    for _ in range(6):
        clock.advance(MONTH / 6 - SECOND)
        token = await rotate(database, clock, token)
    clock.advance(6 * SECOND)
    with pytest.raises(InvalidToken):
        await rotate(database, clock, token)


async def test_a_session_ends_when_it_is_not_used_where_the_clinic_says_so(
    database: Database, clock: FixedClock, sqlite_database: object
) -> None:
    _, token = await log_in(database, clock, await create(database, clock))
    hour = timedelta(hours=1)
    for _ in range(3):
        clock.advance(hour - SECOND)
        token = await rotate(database, clock, token, idle=hour)
    clock.advance(hour)
    with pytest.raises(InvalidToken):
        await rotate(database, clock, token, idle=hour)
    await rotate(database, clock, token, idle=hour + SECOND)


async def test_a_refresh_token_ends_with_its_session(database: Database, clock: FixedClock) -> None:
    _, token = await log_in(database, clock, await create(database, clock))
    clock.advance(MONTH)
    with pytest.raises(InvalidToken):
        await rotate(database, clock, token)


async def test_a_refresh_token_is_not_stored(database: Database, clock: FixedClock) -> None:
    _, token = await log_in(database, clock, await create(database, clock))
    async with database.reads() as session:
        login = (await session.scalars(select(LoginSession))).one()
    assert token.encode() not in login.refresh_hash


@pytest.mark.parametrize("token", ["", "x", "\0", "\ud800", "é" * 5_000])
async def test_no_refresh_token_of_ours_is_no_good(database: Database, clock: FixedClock, token: str) -> None:
    with pytest.raises(InvalidToken):
        await rotate(database, clock, token)


# --- losing one's only role ------------------------------------------------------------------------------------------


async def test_who_is_suspended_from_their_only_role_cannot_log_in_until_they_resume_it(
    database: Database, clock: FixedClock
) -> None:
    admin = await create(database, clock, "admin@example.org", Role.ADMIN)
    user_id = await create(database, clock, "zoe@example.org", Role.DOCTOR)
    for act, is_active in ((accounts.suspend, False), (accounts.resume, True)):
        async with transaction(database.writes) as session:
            await act(session, user_id, Role.DOCTOR, by=admin, now=clock.now())
        async with database.reads() as session:
            user = await queries.get(session, user_id)
        assert (user.is_active, user.roles) == (is_active, ["doctor"])


async def test_who_is_suspended_from_one_of_their_roles_keeps_the_others(database: Database, clock: FixedClock) -> None:
    admin = await create(database, clock, "admin@example.org", Role.ADMIN, Role.DOCTOR)
    async with transaction(database.writes) as session:
        await accounts.suspend(session, admin, Role.DOCTOR, by=admin, now=clock.now())
    async with database.reads() as session:
        user = await queries.get(session, admin)
    assert (user.is_active, user.roles) == (True, ["admin"])
