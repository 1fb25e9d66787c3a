"""`/clients`: apps and machines, for administrators."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from appointed.accounts.actor import Actor, Permission
from appointed.core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from appointed.deps import (
    ClockDep,
    Cursor,
    Limit,
    PageOf,
    ReadSessionDep,
    RetryingRoute,
    SessionDep,
    refusals,
    requires,
)

from . import clients, queries
from .client_schemas import ClientCreate, ClientRead, ClientUpdate
from .rules import ClientKind

router = APIRouter(prefix="/clients", tags=["apps and machines"], route_class=RetryingRoute)

Admin = Annotated[Actor, Depends(requires(Permission.USERS_MANAGE, to_apps=False))]
REFUSED = (Unauthenticated, Forbidden)


@router.post("", status_code=201, responses=refusals(*REFUSED))
async def create_client(body: ClientCreate, actor: Admin, session: SessionDep, clock: ClockDep) -> ClientRead:
    """Make an app or a machine known. No secret is handed over: its `id` and its own keys are all it needs."""
    return ClientRead.of(await clients.create(session, actor, body.new(), clock.now()))


@router.get("", responses=refusals(*REFUSED))
async def list_clients(
    actor: Admin, session: ReadSessionDep, limit: Limit = 50, cursor: Cursor = None
) -> PageOf[ClientRead]:
    """All apps and machines, the oldest first."""
    page = await queries.page(session, limit=limit, cursor=cursor)
    return PageOf(items=[ClientRead.of(client) for client in page.items], next_cursor=page.next_cursor)


@router.get("/{client_id}", responses=refusals(*REFUSED, NotFound))
async def read_client(client_id: UUID, actor: Admin, session: ReadSessionDep) -> ClientRead:
    """One app or machine."""
    return ClientRead.of(await queries.get(session, client_id))


@router.patch("/{client_id}", responses=refusals(*REFUSED, NotFound))
async def change_client(
    client_id: UUID, body: ClientUpdate, actor: Admin, session: SessionDep, clock: ClockDep
) -> ClientRead:
    """Change an app or a machine, or turn it out for a while. A machine's roles are its user's: `PATCH /users/…`."""
    kind = ClientKind((await queries.get(session, client_id)).kind)
    foreign = {"jwks"} if kind is ClientKind.APP else {"redirect_uris"}
    for name in sorted(foreign & body.model_fields_set):
        raise Invalid.field(name, f"This is what {'a machine' if kind is ClientKind.APP else 'an app'} has.")
    if "jwks" in body.model_fields_set and not (body.jwks and body.jwks.keys):
        raise Invalid.field("jwks", "A machine needs a key.")
    return ClientRead.of(await clients.change(session, actor, client_id, body.changes(), clock.now()))


@router.delete("/{client_id}", status_code=204, responses=refusals(*REFUSED, NotFound))
async def disable_client(client_id: UUID, actor: Admin, session: SessionDep, clock: ClockDep) -> None:
    """Turn an app or a machine out: its sessions end at once. It stays known, for the trail."""
    await clients.change(session, actor, client_id, {"is_active": False}, clock.now())
