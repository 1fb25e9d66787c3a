"""Who offers a visit type: everybody, until somebody is named; and how it differs with them."""

from typing import Any
from uuid import UUID

import pytest

from appointed.availability.models import Offer
from appointed.availability.offering import AS_THE_TYPE_SAYS, is_offered_at, limits_of, offer_at, offers_of, rules_of
from appointed.core.db import Database, transaction
from appointed.core.ids import new_id
from appointed.locations.service import get_default
from appointed.visit_types.models import VisitType

from ..support.factories import Clinic
from ..support.faults import watched

HERE, THERE = new_id(), new_id()


def offer(**more: Any) -> Offer:
    return Offer(**({"id": new_id(), "doctor_id": new_id(), "visit_type_id": new_id()} | more))


@pytest.fixture
def visit_type() -> VisitType:
    return VisitType(
        id=new_id(), length_minutes=30, allowed_lengths=[60], buffer_before_minutes=5, buffer_after_minutes=10,
        grid_minutes=15, grid_offset_minutes=5, notice_minutes=60, window_days=90, daily_limit=8, weekly_limit=None,
    )  # fmt: skip


def test_without_an_offer_the_rules_are_the_types(visit_type: VisitType) -> None:
    rules = rules_of(visit_type)
    assert (rules.visit_type_id, rules.length_minutes, rules.allowed_lengths) == (visit_type.id, 30, frozenset({60}))
    assert (rules.buffer_before_minutes, rules.buffer_after_minutes) == (5, 10)
    assert (rules.grid_minutes, rules.grid_offset_minutes, rules.notice_minutes, rules.window_days) == (15, 5, 60, 90)
    assert limits_of(visit_type) == (8, None)


@pytest.mark.parametrize(
    "name", ["length_minutes", "buffer_before_minutes", "buffer_after_minutes", "notice_minutes", "window_days"]
)
@pytest.mark.parametrize("value", [0, 20])
def test_what_differs_in_an_offer_is_laid_over_the_type(visit_type: VisitType, name: str, value: int) -> None:
    usual, differing = rules_of(visit_type), rules_of(visit_type, offer(**{name: value}))
    assert getattr(differing, name) == value
    assert [key for key in usual.__slots__ if getattr(usual, key) != getattr(differing, key)] == [name]


def test_limits_of_an_offer_go_before_those_of_the_type(visit_type: VisitType) -> None:
    assert limits_of(visit_type, offer()) == (8, None)
    assert limits_of(visit_type, offer(daily_limit=3, weekly_limit=9)) == (3, 9)


def test_an_offer_at_a_place_goes_before_the_one_for_all_places() -> None:
    everywhere, here = offer(), offer(location_id=HERE)
    assert offer_at({None: everywhere, HERE: here}, HERE) is here
    assert offer_at({None: everywhere, HERE: here}, THERE) is everywhere
    assert is_offered_at({HERE: here}, HERE)
    assert not is_offered_at({HERE: here}, THERE)
    assert is_offered_at(AS_THE_TYPE_SAYS, THERE)
    assert not is_offered_at({}, HERE)


async def test_a_type_is_everybodys_until_somebody_is_named(clinic: Clinic, database: Database) -> None:
    one, other = await clinic.doctor(hours=False), await clinic.doctor(hours=False)
    named, free = await clinic.visit_type(), await clinic.visit_type()
    ids = [one.profile_id, other.profile_id]
    async with transaction(database.writes) as session:
        location_id = (await get_default(session)).id
        before = await offers_of(session, named.id, ids)
        for more in ({}, {"location_id": location_id, "length_minutes": 45}):
            session.add(offer(doctor_id=one.id, visit_type_id=named.id, **more))
    assert before == dict.fromkeys(ids, AS_THE_TYPE_SAYS)
    async with transaction(database.writes) as session:
        with watched(database) as watch:
            found = await offers_of(session, named.id, ids)
        assert len([each for each in watch.statements if "SELECT" in each]) == 1
        assert lengths(found) == {one.id: {None: None, location_id: 45}, other.id: {}}
        assert await offers_of(session, free.id, ids) == before
        assert await offers_of(session, named.id, []) == {}
        assert await offers_of(session, named.id, [other.profile_id]) == {other.id: {}}


def lengths(found: Any) -> dict[UUID, dict[UUID | None, int | None]]:
    return {doctor_id: {place: each.length_minutes for place, each in by.items()} for doctor_id, by in found.items()}
