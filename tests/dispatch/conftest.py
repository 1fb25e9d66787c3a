"""What handlers are given in tests."""

import pytest

from appointed.core.db import Database
from appointed.core.settings import Settings
from appointed.notifications.context import Context
from tests.support.clock import FixedClock
from tests.support.mailbox import MemoryMailbox


@pytest.fixture
def mailbox() -> MemoryMailbox:
    return MemoryMailbox()


@pytest.fixture
def context(database: Database, clock: FixedClock, settings: Settings, mailbox: MemoryMailbox) -> Context:
    return Context(database, clock, settings, mailbox)
