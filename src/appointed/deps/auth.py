"""Who is asking: the one place where roles become permissions."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from appointed.accounts import queries
from appointed.accounts.actor import Actor, Permission, Role
from appointed.accounts.errors import InvalidToken
from appointed.accounts.factors.errors import SecondFactorNeeded
from appointed.accounts.queries import Standing
from appointed.accounts.scopes import Scope, permitted_by
from appointed.accounts.today import today_of
from appointed.accounts.tokens import AccessToken
from appointed.core import logs
from appointed.core.errors import Forbidden, Unauthenticated
from appointed.core.settings import RecordSharing, SecondFactor, Settings

from .state import state_of

P = Permission
OWN_LOGIN = "/auth/"
# What lets others in is not about one's own login alone.
LETTING_IN = "/auth/authorize"
OWN_PAGES = ("/login/", "/logout/", "/account/")
DESK = frozenset({
    P.PATIENTS_REGISTER, P.PATIENTS_ALL, P.PATIENTS_FIND, P.PATIENTS_CHANGE, P.HOURS_CHANGE_ALL,
    P.APPOINTMENTS_BOOK_ALL, P.APPOINTMENTS_FIT_IN, P.APPOINTMENTS_OVERRIDE, P.APPOINTMENTS_ALL, P.APPOINTMENTS_CANCEL,
    P.APPOINTMENTS_RECEIVE, P.APPOINTMENTS_ATTEND_ALL, P.APPOINTMENTS_CLOSE_ALL, P.APPOINTMENTS_CORRECT,
    P.DOCTORS_DELAY_ALL, P.CLINIC_READ,
})  # fmt: skip
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.PATIENT: frozenset({
        P.PATIENTS_OWN, P.PATIENTS_CHANGE, P.APPOINTMENTS_BOOK_OWN, P.APPOINTMENTS_OWN, P.APPOINTMENTS_CANCEL,
        P.RECORDS_OWN,
    }),
    Role.DOCTOR: frozenset({
        P.PATIENTS_TREATED, P.PATIENTS_FIND, P.DOCTORS_CHANGE_OWN, P.HOURS_CHANGE_OWN, P.APPOINTMENTS_TREATED,
        P.APPOINTMENTS_CANCEL, P.APPOINTMENTS_ATTEND_OWN, P.DOCTORS_DELAY_OWN, P.RECORDS_TREATED, P.RECORDS_WRITE,
        P.RECORDS_EMERGENCY, P.CLINIC_READ,
    }),
    Role.NURSE: frozenset({
        P.PATIENTS_VISITING, P.PATIENTS_FIND, P.APPOINTMENTS_ALL, P.APPOINTMENTS_RECEIVE, P.APPOINTMENTS_ATTEND_ALL,
        P.DOCTORS_DELAY_ALL, P.CLINIC_READ,
    }),
    Role.RECEPTIONIST: DESK,
    Role.ADMIN: DESK | {P.PATIENTS_EXPORT, P.PATIENTS_ERASE, P.USERS_MANAGE, P.CLINIC_MANAGE, P.DOCTORS_MANAGE},
    Role.AUDITOR: frozenset({P.AUDIT_READ}),
}  # fmt: skip

# What some clinics let a role do beside.
SHARING: dict[RecordSharing, dict[Role, frozenset[Permission]]] = {
    RecordSharing.CARE_TEAM: {},
    RecordSharing.LOCATION: {Role.DOCTOR: frozenset({P.RECORDS_LOCATION})},
}

NOT_FOR_APPS = "No app and no machine may do this."
NOT_IN_SCOPE = "Neither role nor scopes allow this."
# The scheme only reads the header, and gives Swagger its Authorize button; refusing is ours.
_bearer = OAuth2PasswordBearer(tokenUrl="auth/login", refreshUrl="auth/refresh", auto_error=False)


async def somebody(request: Request, token: Annotated[str | None, Depends(_bearer)]) -> Actor | None:
    """The actor, or None without a token. A token that is no good is refused, also where none is needed."""
    if token is None:
        return None
    state = state_of(request)
    now = state.clock.now()
    said = state.tokens.read(token, now)
    async with state.database.reads() as session:
        standing = await queries.find_standing(session, said, now)
    if standing is None:
        raise InvalidToken
    return enter(request, said.user_id, said.session_id, standing, now, said)


def enter(
    request: Request, user_id: UUID, session_id: UUID, standing: Standing, now: datetime,
    said: AccessToken | None = None,
) -> Actor:  # fmt: skip
    """Who asks from now on, by whichever session they are known. By the token of an app or a machine they may no more
    than its scopes name."""
    settings, roles = state_of(request).settings, frozenset(Role(name) for name in standing.roles)
    permissions = permissions_of(roles, settings)
    actor = Actor(user_id, session_id, roles, permissions, today_of(settings, now))
    if said and said.client_id:
        actor = replace(actor, permissions=permissions & permitted_by(said.scopes), client_id=said.client_id,
                        scopes=said.scopes)  # fmt: skip
        logs.note_client(said.client_id)
    request.state.actor = actor
    logs.note_actor(actor.user_id)
    if standing.second_factor is None and must_show_more(settings, roles) and not _is_own(request):
        raise SecondFactorNeeded
    return actor


def must_show_more(settings: Settings, roles: Iterable[Role]) -> bool:
    """Whether somebody with these roles needs a second factor."""
    required = settings.require_second_factor
    return required is SecondFactor.ALL or (required is SecondFactor.STAFF and set(roles) - {Role.PATIENT} != set())


def _is_own(request: Request) -> bool:
    """Whether it is about one's own login: what gets one a second factor, and what ends the session."""
    path = str(request.scope["path"])
    return is_own_login(path) or f"{path}/".startswith(OWN_PAGES)


def is_own_login(path: str) -> bool:
    return path.startswith(OWN_LOGIN) and not path.startswith(LETTING_IN)


def permissions_of(roles: Iterable[Role], settings: Settings) -> frozenset[Permission]:
    """What the roles add up to in this clinic."""
    more = SHARING[settings.record_sharing]
    return frozenset[Permission]().union(*(PERMISSIONS[role] | more.get(role, frozenset()) for role in roles))


async def _actor(actor: Annotated[Actor | None, Depends(somebody)]) -> Actor:
    if actor is None:
        raise Unauthenticated
    return actor


AnyClient = Annotated[Actor, Depends(_actor)]


async def _in_person(actor: AnyClient) -> Actor:
    if actor.client_id:
        raise Forbidden(NOT_FOR_APPS)
    return actor


async def _reading_profile(actor: AnyClient) -> Actor:
    if actor.client_id and Scope.PROFILE not in actor.scopes:
        raise Forbidden(NOT_IN_SCOPE)
    return actor


OptionalActor = Annotated[Actor | None, Depends(somebody)]
# Whoever has logged in themselves: what belongs to an account is no app's and no machine's.
AnyActor = Annotated[Actor, Depends(_in_person)]
ProfileReader = Annotated[Actor, Depends(_reading_profile)]


def requires(*permissions: Permission, to_apps: bool = True) -> Callable[[Actor], Awaitable[Actor]]:
    """A dependency that lets through whoever has one of the permissions; 403 for the rest. Not `to_apps`: only who has
    logged in themselves, whatever an app's scopes name."""

    async def check(actor: AnyClient) -> Actor:
        if actor.client_id and not to_apps:
            raise Forbidden(NOT_FOR_APPS)
        if not any(actor.may(permission) for permission in permissions):
            raise Forbidden(NOT_IN_SCOPE if actor.client_id else None)
        return actor

    return check
