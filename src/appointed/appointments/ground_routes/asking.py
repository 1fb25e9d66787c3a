"""What the routes that take time away ask for alike."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Query, Response

from appointed.accounts.actor import Actor, Permission
from appointed.appointments.ground_schemas import AffectedRead
from appointed.appointments.service import Affected, Fate
from appointed.deps import requires

HoursChanger = Annotated[Actor, Depends(requires(Permission.HOURS_CHANGE_OWN, Permission.HOURS_CHANGE_ALL))]
DryRun = Annotated[bool, Query(description="Only list the visits that would be affected, and change nothing.")]
Visits = Annotated[Fate | None, Query(description="As in the body, for clients that send none with DELETE.")]
LISTED: dict[int | str, dict[str, Any]] = {
    200: {"model": AffectedRead, "description": "With `dry_run`: the visits that would be affected."}
}


def listed(affected: Sequence[Affected]) -> Response:
    """The answer of a dry run."""
    return Response(AffectedRead.of_visits(affected).model_dump_json(), media_type="application/json")
