"""Routes that set and take away time: hours, exceptions, time off, places, offers, and what is deactivated."""

from fastapi import APIRouter

from . import hours, keeping, offering, people, places, time_off, visit_types

router = APIRouter()
for _part in (hours, time_off, people, places, visit_types, offering, keeping):
    router.include_router(_part.router)
