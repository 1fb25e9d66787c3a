"""A phone number is one number, however it is written; an insurance number too."""

import pytest

from appointed.patients.codes import phone_key, phone_keys, phone_last4, plain_number


@pytest.mark.parametrize(
    "ways",
    [
        ["+49 30 5550 1234", "0049 30 55501234", "+49 (0)30/5550-1234", "0049 (0) 30 5550.1234", "030 5550 1234",
         "(030) 5550-1234", "(+49) 30 5550 1234"],
        ["+1 (212) 555-0123", "001 212 555 0123", "(212) 555-0123", "212.555.0123"],
        ["+39 06 1234567", "06 1234567", "0039 06 123 45 67"],
        ["+44 (0)20 7946 0000", "020 7946 0000", "+442079460000"],
        ["+353 1 234 5678", "01 234 5678", "00353 (0)1 2345678"],
        ["+7 495 123-45-67", "(495) 123-45-67"],
    ],
)  # fmt: skip
def test_a_number_is_indexed_alike_however_it_is_written(ways: list[str]) -> None:
    assert {phone_key(way) for way in ways} == {phone_key(ways[0])}
    assert all(phone_key(ways[0]) in phone_keys(way) for way in ways)


@pytest.mark.parametrize(
    ("stored", "looked_for"),
    [
        ("+49 30 5550 1234", "49 30 5550 1234"),
        ("49 30 5550 1234", "+49 30 5550 1234"),
        ("+1 212 555 0123", "1 212 555 0123"),
        ("1 212 555 0123", "001 (212) 555-0123"),
        ("353 1 234 5678", "+353 1 234 5678"),
    ],
)
def test_a_plus_may_be_left_out_on_either_side(stored: str, looked_for: str) -> None:
    assert phone_key(stored) in phone_keys(looked_for)


@pytest.mark.parametrize(
    "other", ["+49 30 5550 1235", "+49 30 5550 123", "+49 40 5550 1234", "030 5550 12345", "5550 1234"]
)
def test_another_number_is_another(other: str) -> None:
    assert not {phone_key("+49 30 5550 1234"), phone_key("030 5550 1234")} & set(phone_keys(other))


def test_what_is_no_number_has_no_index() -> None:
    assert phone_key("0000") is None
    assert phone_keys("000") == []
    assert (phone_last4("123"), phone_last4("+49 12-34"), phone_last4("")) == (None, "1234", None)
    assert (plain_number("-- ."), plain_number("a 1-2.3/4")) == (None, "A1234")
