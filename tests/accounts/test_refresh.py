"""Refresh tokens: derived one from the other, and from nothing else."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointed.accounts.refresh import MOST_STEPS, Chain, Place, first_token, hash_of, place_of

SESSION, OTHER = UUID(int=1), UUID(int=2)
CHAIN = Chain("s" * 32)


def of_a_session(count: int, chain: Chain = CHAIN) -> list[str]:
    tokens = [first_token(SESSION)]
    while len(tokens) < count:
        tokens.append(chain.following(tokens[-1], Place(SESSION, len(tokens))))
    return tokens


def test_tokens_say_their_place_and_are_all_different() -> None:
    tokens = [*of_a_session(5), first_token(SESSION)]
    assert [place_of(token) for token in tokens] == [Place(SESSION, number) for number in (0, 1, 2, 3, 4, 0)]
    assert len({hash_of(token) for token in tokens}) == 6
    assert {len(token) for token in tokens} == {70}


def test_from_each_token_one_gets_to_the_last() -> None:
    tokens = of_a_session(6)
    assert [CHAIN.last(tokens[number], Place(SESSION, number), 5) for number in range(5)] == [tokens[5]] * 5


def test_the_last_leads_nowhere_and_the_distant_past_neither() -> None:
    token = first_token(SESSION)
    assert CHAIN.last(token, Place(SESSION, 3), 3) is None
    assert CHAIN.last(token, Place(SESSION, 4), 3) is None
    assert CHAIN.last(token, Place(SESSION, 0), MOST_STEPS + 1) is None
    assert CHAIN.last(token, Place(SESSION, 0), MOST_STEPS) is not None


def test_without_the_key_or_the_token_nobody_gets_to_the_last() -> None:
    tokens = of_a_session(3)
    assert Chain("o" * 32).last(tokens[0], Place(SESSION, 0), 2) != tokens[2]
    assert CHAIN.last(first_token(SESSION), Place(SESSION, 0), 2) != tokens[2]
    assert CHAIN.last(tokens[0], Place(OTHER, 0), 2) != tokens[2]


@pytest.mark.parametrize("token", ["", "x", "\0", "\ud800", "é" * 70, "A" * 69, "A" * 74, "*" * 70])
def test_what_has_not_the_form_of_a_token_has_no_place(token: str) -> None:
    assert place_of(token) is None


@given(st.text(max_size=100))
def test_any_text_is_looked_at_without_harm(token: str) -> None:
    place_of(token)
    assert len(hash_of(token)) == 32
