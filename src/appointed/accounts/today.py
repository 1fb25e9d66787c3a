"""Which day it is at the clinic."""

from datetime import datetime

from appointed.core.ages import last_born
from appointed.core.settings import Settings

from .actor import Today


def today_of(settings: Settings, now: datetime) -> Today:
    day, private_from = now.astimezone(settings.zone).date(), settings.minors_private_from_age
    private_born = None if private_from is None else last_born(private_from, day)
    return Today(day, last_born(settings.age_of_majority, day), private_born)
