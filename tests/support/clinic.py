"""The `clinic` fixture: somebody of each role, made when asked for."""

import pytest

from appointed.core.db import Database
from appointed.core.settings import Settings

from .clock import FixedClock
from .factories import Clinic


@pytest.fixture
async def clinic(database: Database, settings: Settings, clock: FixedClock) -> Clinic:
    """A clinic with its default location and visit type, and nobody in it yet."""
    made = Clinic(database, settings, clock)
    await made.open()
    return made
