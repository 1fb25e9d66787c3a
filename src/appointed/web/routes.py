"""The pages' addresses."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from appointed.deps import RetryingRoute, SettingsDep

from .pages import page

router = APIRouter(route_class=RetryingRoute, include_in_schema=False)


@router.get("/join", response_class=HTMLResponse)
async def show_join(settings: SettingsDep) -> HTMLResponse:
    """Where an invitation leads. Its code stands behind the `#` of the link, which browsers send to nobody."""
    return page("join.html", clinic_name=settings.clinic_name)


@router.get("/reset-password", response_class=HTMLResponse)
async def show_reset(settings: SettingsDep) -> HTMLResponse:
    """Where the link in a mail about a new password leads."""
    return page("reset.html", clinic_name=settings.clinic_name)


@router.get("/confirm-email", response_class=HTMLResponse)
async def show_confirmation(settings: SettingsDep) -> HTMLResponse:
    """Where the link in a mail about one's address leads."""
    return page("confirm.html", clinic_name=settings.clinic_name)
