"""Is it alive, and is it ready: `/health/live` and `/health/ready`."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError

from appointed import audit, migrations
from appointed.core import outbox
from appointed.core.limits import Counting
from appointed.core.settings import Environment, Settings
from appointed.deps import StateDep

router = APIRouter(prefix="/health", tags=["health"])


class Liveness(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether requests should be sent here."""

    status: Literal["ok", "unready"]
    database: Literal["ok", "unreachable", "not migrated"]
    outbox_waiting: int = Field(description="Messages that are due and not done.")
    outbox_dead: int = Field(description="Messages that were given up.")
    audit_waiting_seconds: float = Field(description="The age of the oldest row of the audit trail that is not sealed.")
    rate_limits: Counting = Field(
        description="Counted for all processes together (`shared`), by each alone since there is no Redis (`alone`), "
        "or by each alone because Redis does not answer (`fallback`)."
    )
    warnings: list[str] = Field(description="Settings that somebody will miss.")


@router.get("/live")
async def read_liveness() -> Liveness:
    """The process answers."""
    return Liveness()


@router.get("/ready", responses={503: {"model": Readiness, "description": "Not ready."}})
async def read_readiness(state: StateDep, response: Response) -> Readiness:
    """The database can be reached and has the schema that this version needs."""
    waiting = dead = 0
    unsealed_at = None
    database: Literal["ok", "unreachable", "not migrated"] = "ok"
    try:
        if await migrations.current(state.database.engines[0]) != migrations.head():
            database = "not migrated"
        else:
            async with state.database.reads() as session:
                waiting, dead = await outbox.count(session, state.clock.now())
                unsealed_at = await audit.oldest_unsealed(session)
    except (SQLAlchemyError, OSError):
        database = "unreachable"
    response.status_code = 200 if database == "ok" else 503
    status: Literal["ok", "unready"] = "ok" if database == "ok" else "unready"
    unsealed = (state.clock.now() - unsealed_at).total_seconds() if unsealed_at else 0.0
    return Readiness(status=status, database=database, outbox_waiting=waiting, outbox_dead=dead,
                     audit_waiting_seconds=max(0.0, round(unsealed, 1)),
                     rate_limits=state.limiter.counting, warnings=warnings_about(state.settings))  # fmt: skip


def warnings_about(settings: Settings) -> list[str]:
    """What is set by half."""
    warnings = []
    if missing := settings.missing_for_mail:
        warnings.append(f"Mails stay in {settings.var_dir / 'mail'}: {missing} is not set.")
    if settings.environment is Environment.PRODUCTION and not settings.is_https:
        warnings.append("Logins of the pages go over the network unprotected: PUBLIC_URL does not begin with https.")
    return warnings
