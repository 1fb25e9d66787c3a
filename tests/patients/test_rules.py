"""How long somebody looks after a patient."""

from datetime import date

import pytest

from appointed.patients.rules import Relationship, last_day

BORN, OF_AGE = date(2020, 5, 17), date(2038, 5, 17)
EVE, BEFORE, AFTER = date(2038, 5, 16), date(2030, 1, 1), date(2040, 1, 1)


@pytest.mark.parametrize("relationship", [Relationship.PARENT, Relationship.GUARDIAN])
@pytest.mark.parametrize(
    ("valid_until", "born", "last"),
    [(None, BORN, EVE), (BEFORE, BORN, BEFORE), (AFTER, BORN, EVE), (OF_AGE, BORN, EVE), (None, None, None),
     (AFTER, None, AFTER)],
)  # fmt: skip
def test_what_is_so_by_law_ends_on_the_eve_of_coming_of_age(
    relationship: str, valid_until: date | None, born: date | None, last: date | None
) -> None:
    assert last_day(relationship, valid_until, born, 18) == last


@pytest.mark.parametrize("relationship", ["carer", "spouse", "child", "other"])
@pytest.mark.parametrize("valid_until", [None, BEFORE, AFTER])
def test_who_looks_after_an_adult_does_so_as_long_as_was_said(relationship: str, valid_until: date | None) -> None:
    assert last_day(relationship, valid_until, BORN, 18) == valid_until
