"""Somebody who has second factors, or is about to."""

import httpx
import pytest

from appointed.accounts.actor import Role

from ..support.factories import Clinic
from ..support.factors import Holder, holder_of


@pytest.fixture
async def holder(client: httpx.AsyncClient, clinic: Clinic) -> Holder:
    """A nurse without a second factor yet."""
    return holder_of(client, clinic, await clinic.staff(Role.NURSE))


@pytest.fixture
async def other(client: httpx.AsyncClient, clinic: Clinic) -> Holder:
    """Another one."""
    return holder_of(client, clinic, await clinic.staff(Role.NURSE))
