"""Who is erased, and what the work in the background works with."""

import httpx
import pytest

from appointed.accounts.actor import Role
from appointed.notifications.context import Context
from tests.support.clock import FixedClock
from tests.support.factories import Clinic, Person
from tests.support.mailbox import MemoryMailbox

from .story import Story


@pytest.fixture
def story(client: httpx.AsyncClient, clinic: Clinic, clock: FixedClock) -> Story:
    return Story(client, clinic, clock)


@pytest.fixture
def context(clinic: Clinic, clock: FixedClock) -> Context:
    return Context(clinic.database, clock, clinic.settings, MemoryMailbox())


@pytest.fixture
async def admin(clinic: Clinic) -> Person:
    return await clinic.staff(Role.ADMIN)
