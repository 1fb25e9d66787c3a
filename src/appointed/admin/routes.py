"""`/users`: accounts, for administrators."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from appointed import accounts, audit
from appointed.accounts import queries
from appointed.accounts.actor import Actor, Permission, Role
from appointed.accounts.errors import DoctorsAccount, EmailTaken, LastAdministrator
from appointed.accounts.factors import service as factors
from appointed.accounts.factors.errors import OwnFactors
from appointed.accounts.models import User
from appointed.accounts.passwords import check_own
from appointed.core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from appointed.deps import (
    ClockDep,
    Cursor,
    Limit,
    PageOf,
    ReadSessionDep,
    RetryingRoute,
    SessionDep,
    StateDep,
    refusals,
    requires,
)
from appointed.locations import service as locations
from appointed.locations.queries import locations_of

from .schemas import Assignment, UserCreate, UserDetail, UserRead, UserUpdate

router = APIRouter(prefix="/users", tags=["users"], route_class=RetryingRoute)

Admin = Annotated[Actor, Depends(requires(Permission.USERS_MANAGE))]
# A patient or a doctor is more than an account; their own routes make them.
PROFILED = frozenset({Role.PATIENT, Role.DOCTOR})


@router.post("", status_code=201, response_model=UserRead, responses=refusals(Unauthenticated, Forbidden, EmailTaken))
async def create_user(body: UserCreate, actor: Admin, session: SessionDep, clock: ClockDep, state: StateDep) -> User:
    """Make a staff account."""
    if body.roles & PROFILED:
        raise Invalid.field("roles", "Register patients at /patients/new-patient and doctors at /doctors/new-doctor.")
    check_own(body.password, body.email, body.display_name, state.settings.clinic_name)
    password_hash = await state.hasher.hash(body.password.get_secret_value())
    return await accounts.create(session, email=body.email, password_hash=password_hash, display_name=body.display_name,
                                 roles=body.roles, by=actor.user_id, now=clock.now())  # fmt: skip


@router.get("", responses=refusals(Unauthenticated, Forbidden))
async def list_users(
    actor: Admin,
    session: ReadSessionDep,
    clock: ClockDep,
    role: Role | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageOf[UserRead]:
    """All accounts, oldest first."""
    page = await queries.page(session, limit=limit, cursor=cursor, role=role)
    # Patients have accounts too, and a name and an address are theirs.
    audit.record(session, clock.now(), actor.user_id, "user.find", "user", found=str(len(page.items)))
    return PageOf(items=[UserRead.model_validate(user) for user in page.items], next_cursor=page.next_cursor)


@router.get("/{user_id}", responses=refusals(Unauthenticated, Forbidden, NotFound))
async def read_user(user_id: UUID, actor: Admin, session: ReadSessionDep, clock: ClockDep) -> UserDetail:
    """One account, and where its user works."""
    user = await queries.get(session, user_id)
    audit.record(session, clock.now(), actor.user_id, "user.read", "user", user_id)
    return UserDetail.of(user, (await locations_of(session, [user_id]))[user_id])


@router.put("/{user_id}/locations", responses=refusals(Unauthenticated, Forbidden, NotFound))
async def assign_user(
    user_id: UUID, body: Assignment, actor: Admin, session: SessionDep, clock: ClockDep
) -> UserDetail:
    """Say at which locations somebody works; none of them is all of them."""
    await locations.assign(session, actor.user_id, user_id, body.location_ids, now=clock.now())
    return UserDetail.of(await queries.get(session, user_id), sorted(body.location_ids))


@router.patch(
    "/{user_id}",
    response_model=UserRead,
    responses=refusals(Unauthenticated, Forbidden, NotFound, LastAdministrator, DoctorsAccount),
)
async def change_user(user_id: UUID, body: UserUpdate, actor: Admin, session: SessionDep, clock: ClockDep) -> User:
    """Change an account's name, roles or whether it can log in."""
    changes = body.model_dump(exclude_unset=True)
    user = await queries.get(session, user_id)
    if "roles" in changes and {role for role in PROFILED if role in user.roles} != changes["roles"] & PROFILED:
        raise Invalid.field("roles", "The roles patient and doctor come and go with the profile, not here.")
    _check_doctor(user, is_active=changes.get("is_active", user.is_active))
    return await accounts.change(session, user_id, **changes, by=actor.user_id, now=clock.now())


@router.delete(
    "/{user_id}",
    status_code=204,
    responses=refusals(Unauthenticated, Forbidden, NotFound, LastAdministrator, DoctorsAccount),
)
async def disable_user(user_id: UUID, actor: Admin, session: SessionDep, clock: ClockDep) -> None:
    """Disable an account: it stays for the trail, and is logged out everywhere."""
    _check_doctor(await queries.get(session, user_id), is_active=False)
    await accounts.change(session, user_id, is_active=False, by=actor.user_id, now=clock.now())


@router.delete("/{user_id}/sessions", status_code=204, responses=refusals(Unauthenticated, Forbidden, NotFound))
async def end_user_sessions(user_id: UUID, actor: Admin, session: SessionDep, clock: ClockDep) -> None:
    """Log somebody out everywhere. The account and its password stay as they are."""
    await accounts.end_all(session, user_id, by=actor.user_id, now=clock.now())


@router.delete(
    "/{user_id}/factors", status_code=204, responses=refusals(Unauthenticated, Forbidden, OwnFactors, NotFound)
)
async def reset_factors(user_id: UUID, actor: Admin, session: SessionDep, clock: ClockDep) -> None:
    """Take away the second factors of somebody who has lost them. They are logged out everywhere, and told by mail."""
    if user_id == actor.user_id:
        raise OwnFactors
    await factors.reset(session, user_id, by=actor.user_id, now=clock.now())


def _check_doctor(user: User, *, is_active: bool) -> None:
    """Doctors come and go with their visits asked for, in both directions."""
    if Role.DOCTOR in user.roles and user.is_active != is_active:
        raise DoctorsAccount
