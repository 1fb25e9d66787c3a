"""Passwords that are guessed first are told from those that are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from appointed.accounts.easy import FEWEST_GUESSES, MOST_CHARACTERS, guesses_for, is_easy
from appointed.accounts.passwords import FEWEST_CHARACTERS

EASY = [
    "password", "Password1", "PASSWORD123", "p@ssw0rd", "Passw0rd!", "password2024", "drowssap", "passwordpassword",
    "12345678", "123456789", "87654321", "11111111", "00000000", "12121212", "19840517", "20240101", "147258369",
    "qwertyui", "qwerty123", "1q2w3e4r", "1qaz2wsx", "zaq12wsx", "asdfghjk", "qwertzuiop", "azertyuiop", "poiuytrewq",
    "abcd1234", "abcdefgh", "abc12345", "aaaaaaaa", "        ", "\0\0\0\0\0\0\0\0", "abababab", "xyzxyzxyz", "🙂" * 8,
    "iloveyou", "iloveyou2", "welcome1", "letmein1", "sunshine", "football1", "Summer2031", "monkey12",
    "charlie1", "trustno1", "superman", "admin123", "administrator", "changeme", "changeme1", "starwars", "baseball",
    "ＰＡＳＳＷＯＲＤ", "Doctor123", "hospital", "samantha1", "dragon99", "a" * 1_024, "passwordpassword" * 4,
]  # fmt: skip
# Words of the trade, which the lists do not have among the first.
IN_CONTEXT = ["appointed2031", "Auditor2031", "ReceptionistNurse", "healthcareclinic", "Recept1onist42"]
GOOD = [
    "kdjfhgqz", "x7Kq2m9Z", "a long sentence is best", "correct horse battery", "another password", "long\0enough",
    "ключ и замок", "secret!!\0one", "Tr0ub4dor&3", "password of 1",
]  # fmt: skip


@pytest.mark.parametrize("password", EASY)
def test_what_is_tried_first_is_easy(password: str) -> None:
    assert is_easy(password)


@pytest.mark.parametrize("password", IN_CONTEXT)
def test_what_comes_to_mind_at_a_clinic_is_easy(password: str) -> None:
    assert is_easy(password)
    assert guesses_for(password, []) >= FEWEST_GUESSES


@pytest.mark.parametrize("password", GOOD)
def test_what_is_not_tried_first_is_not(password: str) -> None:
    assert not is_easy(password)


def test_the_first_three_thousand_that_are_long_enough_are_refused() -> None:
    first = [each for each in FREQUENCY_LISTS["passwords"] if len(each) >= FEWEST_CHARACTERS][:3_000]
    assert len(first) == 3_000
    assert [each for each in first if not is_easy(each)] == []


@pytest.mark.parametrize("password", ["Sample1984", "pat.sample", "Pat-Sample!", "elpmas12", "S4mple83x"])
def test_ones_own_name_makes_a_password_easier(password: str) -> None:
    assert is_easy(password, ["Pat Sample", "pat.sample@example.org"])
    assert guesses_for(password, []) > 10 * guesses_for(password, ["Pat", "Sample", "Pat-Sample", "Pat.Sample"])


@pytest.mark.parametrize("password", ["zyxquorl", "Zyxquorl!", "bren.zyxquorl"])
def test_a_name_that_is_nobody_elses_is_easy_for_who_knows_it_alone(password: str) -> None:
    assert is_easy(password, ["Bren Zyxquorl", "bren@example.org"])
    assert not is_easy(password, ["Robin Desk", "robin@example.org"])
    assert not is_easy(password)


def test_a_name_within_a_sentence_does_no_harm() -> None:
    assert not is_easy("Pat likes 7 plums", ["Pat Sample"])


@settings(max_examples=50)
@given(st.text(max_size=2 * MOST_CHARACTERS), st.lists(st.text(max_size=20), max_size=3))
def test_any_text_is_judged_and_more_names_make_it_no_better(password: str, own: list[str]) -> None:
    assert is_easy(password, own) >= is_easy(password)
