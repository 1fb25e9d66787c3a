"""Passwords that are guessed first are told from those that are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointed.accounts.easy import MOST_CHARACTERS, WORDS, bits_of, is_easy

EASY = [
    "password", "Password1", "PASSWORD123", "p@ssw0rd", "Passw0rd!", "password2024", "drowssap", "passwordpassword",
    "12345678", "123456789", "87654321", "11111111", "00000000", "12121212", "19840517", "20240101", "147258369",
    "qwertyui", "qwerty123", "1q2w3e4r", "1qaz2wsx", "zaq12wsx", "asdfghjk", "qwertzuiop", "azertyuiop", "poiuytrewq",
    "abcd1234", "abcdefgh", "abc12345", "aaaaaaaa", "        ", "\0\0\0\0\0\0\0\0", "abababab", "xyzxyzxyz", "🙂" * 8,
    "iloveyou", "iloveyou2", "welcome1", "Welcome2024!", "letmein1", "sunshine", "football1", "Summer2031", "monkey12",
    "charlie1", "trustno1", "superman", "admin123", "administrator", "changeme", "changeme1", "starwars", "baseball",
    "ＰＡＳＳＷＯＲＤ", "Doctor123", "hospital", "samantha1", "dragon99",
]  # fmt: skip
GOOD = [
    "kdjfhgqz", "x7Kq2m9Z", "a long sentence is best", "correct horse battery", "another password", "long\0enough",
    "ключ и замок", "secret!!\0one", "a" * (MOST_CHARACTERS + 1), "Tr0ub4dor&3", "password of 1",
]  # fmt: skip


@pytest.mark.parametrize("password", EASY)
def test_what_is_tried_first_is_easy(password: str) -> None:
    assert is_easy(password)


@pytest.mark.parametrize("password", GOOD)
def test_what_is_not_tried_first_is_not(password: str) -> None:
    assert not is_easy(password)


@pytest.mark.parametrize("password", ["Sample1984", "pat.sample", "Pat-Sample!", "elpmas12", "S4mple83x"])
def test_ones_own_name_is_easy_for_who_knows_it_and_for_nobody_else(password: str) -> None:
    assert is_easy(password, ["Pat Sample", "pat.sample@example.org"])
    assert not is_easy(password, ["Robin Desk", "robin@example.org"])


def test_a_name_within_a_sentence_does_no_harm() -> None:
    assert not is_easy("Pat likes 7 plums", ["Pat Sample"])


def test_every_word_with_a_year_is_easy() -> None:
    assert all(is_easy(f"{word}2031") for word in WORDS)


@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=3))
def test_any_text_is_judged_and_more_names_make_it_no_better(password: str, own: list[str]) -> None:
    assert is_easy(password, own) >= is_easy(password)


@given(st.text(max_size=16), st.characters())
def test_more_characters_cost_more_or_the_same(text: str, more: str) -> None:
    assert bits_of(text + more) >= min(bits_of(text), 1.0)
