"""Who may ask something of visits, and by which policy they are answered."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends

from appointed.accounts.actor import Actor, Permission
from appointed.core.settings import Settings
from appointed.deps import SettingsDep, requires

from .policy import Policy, Quotas

Booker = Annotated[Actor, Depends(requires(Permission.APPOINTMENTS_BOOK_OWN, Permission.APPOINTMENTS_BOOK_ALL))]
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
