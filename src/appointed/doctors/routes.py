"""`/doctors`: registering doctors, and what they change of themselves. `availability` lists them with their hours, and
`appointments`, where their visits are, lets others change them."""

from typing import Annotated

from fastapi import APIRouter, Depends

from appointed.accounts.actor import Actor, Permission
from appointed.accounts.errors import EmailTaken
from appointed.accounts.passwords import check_own
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.deps import ClockDep, RetryingRoute, SessionDep, StateDep, refusals, requires

from . import queries, service
from .models import Doctor
from .schemas import DoctorCreate, DoctorRead, DoctorUpdate

router = APIRouter(prefix="/doctors", tags=["doctors"], route_class=RetryingRoute)

Manager = Annotated[Actor, Depends(requires(Permission.DOCTORS_MANAGE))]
Self = Annotated[Actor, Depends(requires(Permission.DOCTORS_CHANGE_OWN))]


@router.post(
    "/new-doctor",
    status_code=201,
    response_model=DoctorRead,
    responses=refusals(Unauthenticated, Forbidden, EmailTaken),
)
async def register_doctor(
    body: DoctorCreate, actor: Manager, session: SessionDep, clock: ClockDep, state: StateDep
) -> Doctor:
    """Register a doctor with a login."""
    check_own(body.password, body.email, body.first_name, body.last_name, state.settings.clinic_name)
    password_hash = await state.hasher.hash(body.password.get_secret_value())
    profile = body.model_dump(exclude={"email", "password"})
    return await service.register(
        session, actor, profile, email=body.email, password_hash=password_hash, now=clock.now()
    )


@router.patch("/me", response_model=DoctorRead, responses=refusals(Unauthenticated, Forbidden, NotFound))
async def change_own_doctor(body: DoctorUpdate, actor: Self, session: SessionDep, clock: ClockDep) -> Doctor:
    """Change the profile of the doctor who is logged in."""
    own = await queries.find_own(session, actor.user_id)
    if own is None:
        raise NotFound
    return await service.change(session, actor, own.id, body.model_dump(exclude_unset=True), now=clock.now())
