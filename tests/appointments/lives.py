"""What tests of a visit's day have in common: who does what with it, at the time of the clinic's clock."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx

from tests.support.factories import Clinic, Person


def headers_of(clinic: Clinic, who: Person) -> Mapping[str, str]:
    """Of a login that is as old as the clock says."""
    token = clinic.tokens.issue(who.user_id, who.actor.session_id, clinic.clock.now())
    return {"Authorization": f"Bearer {token}"}


async def do(
    client: httpx.AsyncClient, clinic: Clinic, who: Person, visit_id: UUID, action: str, **more: Any
) -> httpx.Response:
    headers = {**headers_of(clinic, who), **more.pop("headers", {})}
    return await client.post(f"/appointments/{visit_id}/{action}", headers=headers, **more)


async def read(client: httpx.AsyncClient, clinic: Clinic, who: Person, path: str, **query: Any) -> Any:
    """What they are shown."""
    answer = await client.get(path, params=query, headers=headers_of(clinic, who))
    assert answer.status_code == 200, answer.text
    return answer.json()
