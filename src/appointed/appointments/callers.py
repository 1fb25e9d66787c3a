"""Who may ask something of visits, and by which policy they are answered."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends

from appointed.accounts import queries
from appointed.accounts.actor import Actor, Permission
from appointed.accounts.errors import EmailNotVerified
from appointed.core.errors import Forbidden, Unauthenticated
from appointed.core.settings import Settings
from appointed.deps import SettingsDep, StateDep, requires

from .policy import Policy, Quotas

_Booker = Annotated[Actor, Depends(requires(Permission.APPOINTMENTS_BOOK_OWN, Permission.APPOINTMENTS_BOOK_ALL))]


async def _verified(actor: _Booker, state: StateDep) -> Actor:
    """Whoever books for themselves has confirmed their address, where the clinic asks for it."""
    if state.settings.require_verified_email and not actor.may(Permission.APPOINTMENTS_BOOK_ALL):
        async with state.database.reads() as session:
            if not await queries.is_verified(session, actor.user_id):
                raise EmailNotVerified
    return actor


Booker = Annotated[Actor, Depends(_verified)]
# What a Booker may be refused with.
BARRED = (Unauthenticated, Forbidden, EmailNotVerified)
Reader = Annotated[
    Actor,
    Depends(requires(Permission.APPOINTMENTS_OWN, Permission.APPOINTMENTS_TREATED, Permission.APPOINTMENTS_ALL)),
]
Canceller = Annotated[Actor, Depends(requires(Permission.APPOINTMENTS_CANCEL))]
Planner = Annotated[Actor, Depends(requires(Permission.APPOINTMENTS_BOOK_ALL))]


def policy_of(settings: Settings) -> Policy:
    return Policy(
        timedelta(days=settings.care_relation_days),
        timedelta(minutes=settings.hold_minutes),
        timedelta(minutes=settings.undo_minutes),
        Quotas(settings.max_upcoming, settings.max_holds),
    )


async def _policy(settings: SettingsDep) -> Policy:
    return policy_of(settings)


PolicyDep = Annotated[Policy, Depends(_policy)]
