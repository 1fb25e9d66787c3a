"""`/appointments/series` and `/appointments/family`: visits that are booked together, all of them or none."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from appointed import audit
from appointed.core.errors import Forbidden, NotFound, Unauthenticated
from appointed.deps import ClockDep, ReadSessionDep, RetryingRoute, SessionDep, refusals

from . import queries, service
from .callers import BARRED, Booker, Canceller, PolicyDep, Reader
from .errors import REFUSALS, BadRecurrence, CallTheClinic, NotPossibleNow, TimeSkipped
from .series_schemas import (
    FamilyCreate,
    FamilyRead,
    SeriesCancellation,
    SeriesCreate,
    SeriesRead,
    SeriesReport,
    SeriesReschedule,
)

router = APIRouter(prefix="/appointments", tags=["appointments"], route_class=RetryingRoute)

DryRun = Annotated[bool, Query(description="Only report: nothing is booked.")]


@router.post(
    "/series", status_code=201, response_model=SeriesRead | SeriesReport,
    responses={
        200: {"model": SeriesReport, "description": "With `dry_run`."},
        **refusals(*BARRED, CallTheClinic, BadRecurrence, TimeSkipped, *REFUSALS.values()),
    },
)  # fmt: skip
async def book_series(
    body: SeriesCreate, actor: Booker, session: SessionDep, policy: PolicyDep, clock: ClockDep, response: Response,
    dry_run: DryRun = False,
) -> SeriesRead | SeriesReport:  # fmt: skip
    """Book every visit that a rule names, or none: a refusal reports on each in `occurrences`."""
    if dry_run:
        response.status_code = 200
        report = await service.report_on_series(session, actor, body.booking(), body.rule, policy=policy,
                                                clock=clock)  # fmt: skip
        return SeriesReport.model_validate(report)
    booked = await service.book_series(session, actor, body.booking(), body.rule, policy=policy, clock=clock)
    return SeriesRead.of(booked.series, booked.visits)


@router.get("/series/{series_id}", responses=refusals(Unauthenticated, Forbidden, NotFound))
async def read_series(series_id: UUID, actor: Reader, session: ReadSessionDep, clock: ClockDep) -> SeriesRead:
    """A series with its visits, in order; those that were moved or cancelled among them."""
    series, visits = await queries.get_series(session, actor, series_id)
    audit.record(session, clock.now(), actor.user_id, "series.read", "series", series_id,
                 patient_id=series.patient_id)  # fmt: skip
    return SeriesRead.of(series, visits)


@router.post("/series/{series_id}/cancel", response_model=SeriesRead,
             responses=refusals(Unauthenticated, Forbidden, NotFound))  # fmt: skip
async def cancel_series(
    series_id: UUID, actor: Canceller, session: SessionDep, clock: ClockDep, body: SeriesCancellation | None = None
) -> SeriesRead:
    """Cancel what is to come of a series: all of it, or from one of its visits on."""
    said = body or SeriesCancellation()
    note = said.reason or said.note
    changed = await service.cancel_series(session, actor, series_id, first_number=said.first_number,
                                          code=said.reason_code, note=note, clock=clock)  # fmt: skip
    return SeriesRead.of(changed.series, changed.visits)


@router.post("/series/{series_id}/reschedule", response_model=SeriesRead,
             responses=refusals(Unauthenticated, Forbidden, NotFound, NotPossibleNow, TimeSkipped,
                                *REFUSALS.values()))  # fmt: skip
async def reschedule_series(
    series_id: UUID, body: SeriesReschedule, actor: Canceller, session: SessionDep, policy: PolicyDep, clock: ClockDep
) -> SeriesRead:
    """Move what is to come of a series, all of it or from one of its visits on, by the clock on the wall."""
    changed = await service.reschedule_series(session, actor, series_id, body.move(), first_number=body.first_number,
                                              policy=policy, clock=clock)  # fmt: skip
    return SeriesRead.of(changed.series, changed.visits)


@router.post(
    "/family", status_code=201, responses=refusals(*BARRED, CallTheClinic, *REFUSALS.values())
)  # fmt: skip
async def book_family(
    body: FamilyCreate, actor: Booker, session: SessionDep, policy: PolicyDep, clock: ClockDep
) -> FamilyRead:
    """Book a visit for each member, one after the other, or none: a refusal reports on each in `members`."""
    return FamilyRead.of(await service.book_family(session, actor, body.bookings(), policy=policy, clock=clock))
