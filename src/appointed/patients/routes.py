"""`/patients`: registering, finding and reading patients, and what they change of themselves. Others change them in
`appointments`, where their visits are."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from appointed import audit
from appointed.accounts.actor import Actor, Permission
from appointed.accounts.errors import EmailTaken
from appointed.accounts.passwords import check_own
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.core.text import SearchText
from appointed.deps import (
    LOGIN_IS_OPTIONAL,
    ClockDep,
    Cursor,
    Limit,
    OptionalActor,
    PageOf,
    ReadSessionDep,
    RetryingRoute,
    SessionDep,
    StateDep,
    refusals,
    requires,
)
from appointed.deps.limiting import check_limit

from . import queries, service
from .codes import invitation_of
from .errors import AlreadyJoined, InvitationSpent, NoAddress, PatientErased
from .models import Invitation, Patient
from .schemas import (
    AnyRead,
    InvitationAccept,
    InvitationCreate,
    InvitationRead,
    PatientCreate,
    PatientRead,
    PatientUpdate,
    read_by,
)

router = APIRouter(prefix="/patients", tags=["patients"], route_class=RetryingRoute)

Finder = Annotated[Actor, Depends(requires(Permission.PATIENTS_FIND))]
Registrar = Annotated[Actor, Depends(requires(Permission.PATIENTS_REGISTER, to_apps=False))]
Self = Annotated[Actor, Depends(requires(Permission.PATIENTS_OWN))]
Changer = Annotated[Actor, Depends(requires(Permission.PATIENTS_CHANGE))]
Reader = Annotated[
    Actor,
    Depends(requires(Permission.PATIENTS_OWN, Permission.PATIENTS_TREATED, Permission.PATIENTS_VISITING,
                     Permission.PATIENTS_ALL)),
]  # fmt: skip


@router.post("/new-patient", status_code=201, responses=refusals(EmailTaken), openapi_extra=LOGIN_IS_OPTIONAL)
async def register_patient(
    body: PatientCreate, actor: OptionalActor, session: SessionDep, clock: ClockDep, state: StateDep
) -> AnyRead:
    """Register: the public with e-mail and password, the desk for anybody."""
    if actor and not actor.may(Permission.PATIENTS_REGISTER):
        await check_limit(state, "registration", actor.user_id)
    login = None
    if body.email and body.password:
        check_own(body.password, body.email, body.first_name, body.last_name, state.settings.clinic_name)
        login = service.Login(body.email, await state.hasher.hash(body.password.get_secret_value()))
    patient = await service.register(session, actor, body.profile(), login=login, now=clock.now())
    return read_by(actor, patient)


@router.get("", responses=refusals(Unauthenticated, Forbidden))
async def find_patients(
    actor: Finder,
    session: ReadSessionDep,
    clock: ClockDep,
    q: Annotated[
        SearchText, Query(description="Any mix of name, birth date, phone, e-mail, insurance and record number.",
                          examples=["samp 1984-05-17"])
    ] = "",
    is_active: bool | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PageOf[AnyRead]:  # fmt: skip
    """Find patients: the desk all, doctors and nurses their own."""
    page = await queries.page(session, actor, q, clock.now(), limit=limit, cursor=cursor, is_active=is_active)
    audit.record(session, clock.now(), actor.user_id, "patient.find", "patient", found=str(len(page.items)))
    return PageOf(items=[read_by(actor, patient) for patient in page.items], next_cursor=page.next_cursor)


@router.get("/me", responses=refusals(Unauthenticated, Forbidden, NotFound))
async def read_own_patient(actor: Self, session: ReadSessionDep, clock: ClockDep) -> PatientRead:
    """The patient who is logged in."""
    patient = await queries.find_own(session, actor.user_id)
    if patient is None:
        raise NotFound
    audit.record(session, clock.now(), actor.user_id, "patient.read", "patient", patient.id, patient_id=patient.id)
    return PatientRead.model_validate(patient)


@router.patch("/me", responses=refusals(Unauthenticated, Forbidden, NotFound))
async def change_own_patient(
    body: PatientUpdate, actor: Self, _changer: Changer, session: SessionDep, clock: ClockDep
) -> PatientRead:
    """Change the profile of the patient who is logged in."""
    own = await queries.find_own(session, actor.user_id)
    if own is None:
        raise NotFound
    changed = await service.change(session, actor, own.id, body.profile(), now=clock.now())
    return PatientRead.model_validate(changed)


@router.get("/{patient_id}", responses=refusals(Unauthenticated, Forbidden, NotFound))
async def read_patient(patient_id: UUID, actor: Reader, session: ReadSessionDep, clock: ClockDep) -> AnyRead:
    """A patient's profile."""
    patient = await queries.get(session, actor, patient_id, clock.now())
    audit.record(session, clock.now(), actor.user_id, "patient.read", "patient", patient_id, patient_id=patient_id)
    return read_by(actor, patient)


@router.post(
    "/{patient_id}/invite", status_code=201, response_model=InvitationRead,
    responses=refusals(Unauthenticated, Forbidden, NotFound, AlreadyJoined, NoAddress, PatientErased),
)  # fmt: skip
async def invite_patient(
    patient_id: UUID, actor: Registrar, session: SessionDep, clock: ClockDep, body: InvitationCreate | None = None
) -> Invitation:
    """Mail a one-time link that joins a login to a patient who has none."""
    return await service.invite(session, actor, patient_id, body.email if body else None, clock.now())


@router.post("/join", status_code=201, response_model=PatientRead, responses=refusals(InvitationSpent, EmailTaken))
async def join_patient(body: InvitationAccept, session: SessionDep, clock: ClockDep, state: StateDep) -> Patient:
    """Accept an invitation: its code and a password make the login."""
    invitation_id = invitation_of(state.settings.secret_key.get_secret_value(), body.code)
    async with state.database.reads() as reading:
        invited = await queries.find_invited(reading, invitation_id, clock.now()) if invitation_id else None
    if invited is None or invitation_id is None:
        raise InvitationSpent
    check_own(body.password, *invited, state.settings.clinic_name)
    password_hash = await state.hasher.hash(body.password.get_secret_value())
    return await service.join(session, invitation_id, password_hash, clock.now())
