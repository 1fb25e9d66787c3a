"""Making apps and machines known, changing them and turning them out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from appointed import accounts, audit
from appointed.accounts.actor import Actor, Role
from appointed.accounts.client_models import OAuthClient
from appointed.accounts.rules import NO_PASSWORD
from appointed.core.ids import new_id

from . import queries
from .rules import ClientKind

# Nobody has this domain, ever (RFC 2606 section 2).
MAILBOX = "{}@machines.invalid"


@dataclass(frozen=True, slots=True)
class NewClient:
    """`roles` are those of the user whom a machine gets; an app has the roles of whoever lets it in."""

    kind: ClientKind
    name: str
    scope: str
    redirect_uris: Sequence[str] = ()
    keys: Sequence[dict[str, Any]] = ()
    roles: Collection[Role] = ()


async def create(session: AsyncSession, actor: Actor, new: NewClient, now: datetime) -> OAuthClient:
    """A new client, and for a machine a user with whom nobody can log in."""
    client = OAuthClient(id=new_id(), kind=new.kind, name=new.name, scope=new.scope, keys=list(new.keys),
                         redirect_uris=list(new.redirect_uris), is_active=True, created_at=now)  # fmt: skip
    if new.kind is ClientKind.MACHINE:
        user = await accounts.create(session, email=MAILBOX.format(client.id), password_hash=NO_PASSWORD,
                                     display_name=new.name, roles=new.roles, by=actor.user_id, now=now)  # fmt: skip
        client.user_id = user.id
    session.add(client)
    audit.record(session, now, actor.user_id, "client.create", "client", client.id, kind=client.kind,
                 scope=client.scope.replace(" ", ","))  # fmt: skip
    return client


async def change(
    session: AsyncSession, actor: Actor, client_id: UUID, changes: dict[str, Any], now: datetime
) -> OAuthClient:
    """Change what is given. All but a new name ends the client's sessions: what they were opened for has changed."""
    client = await queries.get(session, client_id, for_update=True)
    changed = sorted(name for name, value in changes.items() if getattr(client, name) != value)
    for name in changed:
        setattr(client, name, changes[name])
    if set(changed) - {"name"}:
        await accounts.end_of_client(session, client.id, now)
    audit.record(session, now, actor.user_id, "client.change", "client", client.id, fields=",".join(changed),
                 is_active=str(client.is_active))  # fmt: skip
    return client
