"""Routes that set and take away time: hours, exceptions, time off, and whoever is deactivated."""

from fastapi import APIRouter

from . import hours, keeping, people, time_off

router = APIRouter()
for _part in (hours, time_off, people, keeping):
    router.include_router(_part.router)
