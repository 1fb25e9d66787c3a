"""The `Idempotency-Key` header: a write of somebody who is logged in is carried out once."""

import re
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Header, Request, Response

from appointed.core.errors import AppError, Kind
from appointed.core.idempotency import KeyReused, Once, Replayed

from .auth import OptionalActor
from .state import state_of

# RFC 8941 section 3.3.3: a string is quoted and holds printable ASCII; \" and \\ are its escapes.
_STRING = re.compile(r'"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255}"')
# Whatever happened meanwhile, these are said to who may not know the answer any more.
_SAID_FIRST = frozenset({Kind.UNAUTHENTICATED, Kind.FORBIDDEN})


class MalformedKey(AppError):
    code = "idempotency_key_malformed"
    kind = Kind.MALFORMED
    detail = 'Send the key as a quoted string of 1 to 255 printable characters: Idempotency-Key: "8e03978e".'


async def once_of(
    request: Request,
    actor: OptionalActor,
    idempotency_key: Annotated[
        str | None, Header(description="A quoted string; a repeated request with it is answered like the first.",
                           examples=['"8e03978e-40d5-43dd-bc93-6894a57f9324"'])
    ] = None,
) -> Once | None:  # fmt: skip
    """What makes the request unique, which the request's session asks for; None without a key or without a login."""
    request.state.once = None
    if actor is None or idempotency_key is None:
        return None
    key = idempotency_key.strip(" ")
    if not _STRING.fullmatch(key):
        raise MalformedKey
    route = f"{request.method} {request.scope['path'].rstrip('/')}"
    # The column may be too short for the route, and two things may have ids that begin alike.
    place = sha256(f"{route}\n{key}".encode()).digest()
    sent = sha256(request.scope["query_string"] + b"\n" + await request.body()).digest()
    once = Once(actor.user_id, route[:100], place, sent)
    request.state.once = once
    return once


async def _unanswered(request: Request, once: Annotated[Once | None, Depends(once_of)]) -> Once | None:
    """What makes the request unique; `Replayed` or `KeyReused` before its body is looked at."""
    if once:
        state = state_of(request)
        async with state.database.reads() as session:
            await once.check(session, state.clock.now())
    return once


# For a route that opens its own transactions; the others' session asks by itself.
OnceDep = Annotated[Once | None, Depends(_unanswered)]


async def keep_answer(request: Request, answer: Response) -> None:
    """Store the answer in the transaction of the request's session, if it has one that writes."""
    once: Once | None = getattr(request.state, "once", None)
    session = getattr(request.state, "writing", None)
    if once and session and answer.status_code < 400:
        await once.keep(session, answer.status_code, bytes(answer.body), state_of(request).clock.now())


async def answered_meanwhile(request: Request, error: AppError) -> Replayed | AppError:
    """What a refused request is to be told: an equal one may have had its answer while this one waited for a lock,
    and be the very reason of the refusal. The refused transaction is over by now."""
    once: Once | None = getattr(request.state, "once", None)
    if once is None or error.kind in _SAID_FIRST:
        return error
    state = state_of(request)
    try:
        async with state.database.reads() as session:
            await once.check(session, state.clock.now())
    except (Replayed, KeyReused) as known:
        return known
    return error
