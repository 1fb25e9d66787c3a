"""The web application: its routes, its middleware and how errors are shown."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from appointed import __version__
from appointed.accounts.passwords import Hasher
from appointed.accounts.tokens import Tokens
from appointed.admin.audit_routes import router as audit_events
from appointed.admin.routes import router as users
from appointed.api_pages import add_api_pages
from appointed.appointments import offers
from appointed.appointments.booking_routes import router as bookings
from appointed.appointments.errors import TimeRefused
from appointed.appointments.ground_routes import router as ground
from appointed.appointments.group_routes import router as sessions
from appointed.appointments.life_routes import doctors as delays
from appointed.appointments.life_routes import router as life
from appointed.appointments.routes import router as appointments
from appointed.appointments.series_routes import router as series
from appointed.appointments.slot_routes import router as slots
from appointed.appointments.slot_schemas import SlotRead
from appointed.auth.factor_routes import router as second_factors
from appointed.auth.login_routes import router as logins
from appointed.auth.routes import router as auth
from appointed.availability.routes import profiles
from appointed.availability.routes import router as availability
from appointed.background import BackgroundWork, background_work
from appointed.core import logs
from appointed.core.clock import Clock, SystemClock
from appointed.core.db import Database, connect
from appointed.core.errors import AppError
from appointed.core.idempotency import Replayed
from appointed.core.limits import Limiter
from appointed.core.settings import Environment, Settings
from appointed.core.signing import TokenAlgorithm
from appointed.deps import DocumentedApp, State, errors
from appointed.deps.pages import LoginNeeded, show_login_needed
from appointed.deps.state import Hint, state_of
from appointed.doctors.cover_routes import router as covers
from appointed.doctors.routes import router as doctors
from appointed.erasure.routes import router as erasure
from appointed.exports.routes import router as exports
from appointed.health import router as health
from appointed.locations.room_routes import router as rooms
from appointed.locations.routes import router as places
from appointed.metrics import router as metrics
from appointed.middleware import edge
from appointed.oauth.client_routes import router as clients
from appointed.oauth.metadata_routes import jwks
from appointed.oauth.metadata_routes import router as metadata
from appointed.oauth.routes import consent
from appointed.oauth.routes import router as tokens
from appointed.patients.access_routes import router as accesses
from appointed.patients.emergency_routes import router as emergencies
from appointed.patients.related_routes import router as related_people
from appointed.patients.routes import router as patients
from appointed.records.routes import router as records
from appointed.visit_types.routes import router as visit_types
from appointed.web import pages
from appointed.web.account_routes import router as account
from appointed.web.consent_routes import router as consent_pages
from appointed.web.login_routes import router as login
from appointed.web.routes import router as web

DESCRIPTION = "Healthcare appointment scheduling. Errors are RFC 9457 problem documents with a stable `code`."
# Routes are looked through in this order: those that are asked for most stand first.
ROUTERS = (
    slots,
    appointments,
    bookings,
    health,
    auth,
    tokens,
    consent,
    logins,
    second_factors,
    users,
    clients,
    audit_events,
    patients,
    related_people,
    exports,
    erasure,
    accesses,
    emergencies,
    doctors,
    covers,
    profiles,
    availability,
    ground,
    life,
    series,
    sessions,
    delays,
    records,
    places,
    rooms,
    visit_types,
    metadata,
    web,
    login,
    account,
    consent_pages,
)


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    database: Database | None = None,
    hint: Hint | None = None,
) -> FastAPI:
    """The application. What is not given is made from the settings; with a `hint`, others do the background work."""
    settings, clock = settings or Settings(), clock or SystemClock()
    logs.configure(as_json=settings.environment is Environment.PRODUCTION)
    is_owner = database is None
    database = database or connect(settings.database, settings.vault, pool_size=settings.database_pool_size)
    work = BackgroundWork(hint) if hint else background_work(settings, database, clock)
    app = DocumentedApp(
        edge,
        title="Appointed",
        version=__version__,
        description=DESCRIPTION,
        lifespan=_lifespan(work, database if is_owner else None),
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.api_docs else None,
    )
    app.state.appointed = state_with(settings, database, clock, work.hint)
    for router in ROUTERS:
        app.include_router(router)
    if settings.token_algorithm is not TokenAlgorithm.HS256:
        app.include_router(jwks)
    app.mount(pages.STATIC, pages.static_files(), name="static")
    if settings.api_docs:
        add_api_pages(app)
    if settings.metrics_token:
        app.include_router(metrics)
    _add_error_handlers(app)
    return app


def served(*, hint: Hint | None = None) -> FastAPI:
    """The application of a process that does nothing but serve it."""
    app = create_app(hint=hint)
    # What was made until now stays: looking through it for garbage was half of the work of a long answer.
    gc.collect()
    gc.freeze()
    return app


def state_with(settings: Settings, database: Database, clock: Clock, hint: Hint) -> State:
    """What the routes work with; an application is nothing but its routes without it."""
    return State(
        settings=settings,
        database=database,
        clock=clock,
        hasher=Hasher(settings.bcrypt_cost),
        tokens=Tokens.of(settings),
        hint=hint,
        limiter=Limiter(settings.redis_url.get_secret_value() if settings.redis_url else None),
    )


def _lifespan(work: BackgroundWork, owned: Database | None) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state: State = app.state.appointed
        try:
            async with work.running():
                yield
        finally:
            await state.limiter.close()
            if owned:
                await owned.dispose()

    return lifespan


def _add_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(TimeRefused, _show_time_refused)
    app.add_exception_handler(AppError, errors.show_app_error)
    app.add_exception_handler(LoginNeeded, show_login_needed)
    app.add_exception_handler(Replayed, errors.show_replayed)
    app.add_exception_handler(RequestValidationError, errors.show_invalid)
    app.add_exception_handler(HTTPException, errors.show_http_error)
    app.add_exception_handler(Exception, errors.show_failure)


async def _show_time_refused(request: Request, error: Exception) -> Response:
    """A conflict over time names the nearest free times. By now the refused request holds no lock."""
    if isinstance(error, TimeRefused):
        await _add_alternatives(state_of(request), error)
    return await errors.show_app_error(request, error)


async def _add_alternatives(state: State, error: TimeRefused) -> None:
    whole = [(error.extra, error.wanted)] if error.wanted and error.is_conflict() else []
    if not whole and not error.others:
        return
    async with state.database.reads() as session:
        for document, wanted in (*whole, *error.others):
            nearest = await offers.nearest(session, wanted, state.clock.now())
            document["alternatives"] = [SlotRead.model_validate(slot).model_dump(mode="json") for slot in nearest]
