"""Sealed text belongs to its place; a blind index finds it and tells nothing."""

from datetime import timedelta
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from appointed.core.crypto import KEY_ID_BYTES, NONCE_BYTES, RetiredKey, UnknownKey, Vault
from appointed.core.ids import new_id
from tests.support.clock import MONDAY

ROW = UUID(int=1)
VAULT = Vault.of(b"k" * 32)
OTHER = Vault.of(b"o" * 32)
TAG_BYTES = 16
texts = st.text()  # no lone surrogates: they are refused at the door


@given(texts, st.uuids())
def test_what_was_sealed_can_be_opened_in_its_place(text: str, row_id: UUID) -> None:
    sealed = VAULT.seal("patients", "phone", row_id, text)
    assert VAULT.open("patients", "phone", row_id, sealed) == text
    assert len(sealed) == KEY_ID_BYTES + NONCE_BYTES + len(text.encode()) + TAG_BYTES


def test_sealed_text_does_not_show() -> None:
    assert b"555" not in VAULT.seal("patients", "phone", ROW, "0555 555 555")


def test_equal_texts_are_sealed_differently() -> None:
    assert VAULT.seal("patients", "phone", ROW, "1") != VAULT.seal("patients", "phone", ROW, "1")


@pytest.mark.parametrize(
    ("table", "column", "row_id"),
    [
        ("patients", "phone", UUID(int=2)),
        ("patients", "address", ROW),
        ("appointments", "phone", ROW),
        ("patients:phone", "", ROW),
    ],
    ids=["another row", "another column", "another table", "another split of the same words"],
)
def test_sealed_text_cannot_be_moved(table: str, column: str, row_id: UUID) -> None:
    sealed = VAULT.seal("patients", "phone", ROW, "0555")
    with pytest.raises(InvalidTag):
        VAULT.open(table, column, row_id, sealed)


def test_altered_text_is_refused_whichever_bit_was_altered() -> None:
    sealed = VAULT.seal("patients", "phone", ROW, "0555")
    for index in range(KEY_ID_BYTES * 8, len(sealed) * 8):
        altered = bytearray(sealed)
        altered[index // 8] ^= 1 << index % 8
        with pytest.raises(InvalidTag):
            VAULT.open("patients", "phone", ROW, bytes(altered))


@pytest.mark.parametrize("kept", range(KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES + 4))
def test_shortened_text_is_refused(kept: int) -> None:
    sealed = VAULT.seal("patients", "phone", ROW, "0555")
    with pytest.raises(InvalidTag):
        VAULT.open("patients", "phone", ROW, sealed[:kept])


def test_text_sealed_by_another_key_is_refused() -> None:
    with pytest.raises(InvalidTag):
        OTHER.open("patients", "phone", ROW, VAULT.seal("patients", "phone", ROW, "0555"))


def test_the_key_that_sealed_is_named_in_front() -> None:
    assert VAULT.seal("patients", "phone", ROW, "0555")[:KEY_ID_BYTES] == VAULT.key_id != OTHER.key_id


def test_nothing_is_sealed_to_nothing() -> None:
    assert VAULT.seal_maybe("patients", "phone", ROW, None) is None
    assert VAULT.open_maybe("patients", "phone", ROW, None) is None
    assert VAULT.open_maybe("patients", "phone", ROW, VAULT.seal("patients", "phone", ROW, "")) == ""


@given(texts)
def test_equal_texts_have_equal_blind_indexes_under_one_key_and_purpose(text: str) -> None:
    assert VAULT.blind("phone", text) == VAULT.blind("phone", text)
    assert VAULT.blind("phone", text) != VAULT.blind("insurance", text)
    assert VAULT.blind("phone", text) != OTHER.blind("phone", text)


@given(texts, texts)
def test_different_texts_have_different_blind_indexes(one: str, other: str) -> None:
    different = one.casefold() != other.casefold() and one.isascii() and other.isascii()
    if different:
        assert VAULT.blind("insurance", one) != VAULT.blind("insurance", other)


def test_a_blind_index_looks_through_case_and_width() -> None:
    assert len({VAULT.blind("insurance", number) for number in ("A123-x", "a123-X", "Ａ123-x")}) == 1


def test_keys_for_different_ends_are_different() -> None:
    text = f"trail\0{new_id()}"
    assert VAULT.sign(text.encode()) != VAULT.blind("trail", text.partition("\0")[2])


# --- older keys ------------------------------------------------------------------------------------------------------

TURNED = Vault.of(b"o" * 32, b"k" * 32)


def test_what_an_older_key_sealed_is_opened_and_what_is_sealed_now_is_by_the_current_one() -> None:
    assert TURNED.open("patients", "phone", ROW, VAULT.seal("patients", "phone", ROW, "0555")) == "0555"
    sealed = TURNED.seal("patients", "phone", ROW, "0555")
    assert OTHER.open("patients", "phone", ROW, sealed) == "0555"
    with pytest.raises(UnknownKey):
        VAULT.open("patients", "phone", ROW, sealed)


def test_what_an_older_key_sealed_is_bound_to_its_place_too() -> None:
    with pytest.raises(InvalidTag):
        TURNED.open("patients", "phone", UUID(int=2), VAULT.seal("patients", "phone", ROW, "0555"))


def test_the_id_of_another_key_in_front_opens_nothing() -> None:
    sealed = VAULT.seal("patients", "phone", ROW, "0555")
    with pytest.raises(InvalidTag):
        TURNED.open("patients", "phone", ROW, OTHER.key_id + sealed[KEY_ID_BYTES:])


def test_look_ups_know_the_hashes_of_every_key_and_new_ones_are_by_the_current() -> None:
    assert TURNED.blinds("phone", "1") == [OTHER.blind("phone", "1"), VAULT.blind("phone", "1")]
    assert TURNED.blind("phone", "1") == OTHER.blind("phone", "1")


def test_signatures_are_by_the_current_key_and_verified_by_every_one() -> None:
    assert TURNED.sign(b"x") == OTHER.sign(b"x")
    assert TURNED.has_signed(b"x", VAULT.sign(b"x"), MONDAY)
    assert TURNED.has_signed(b"x", OTHER.sign(b"x"), MONDAY)
    assert not TURNED.has_signed(b"y", VAULT.sign(b"x"), MONDAY)
    assert not VAULT.has_signed(b"x", OTHER.sign(b"x"), MONDAY)


def test_a_retired_key_of_the_trail_verifies_and_opens_nothing() -> None:
    trusting = OTHER.trusting([RetiredKey(VAULT.current.trail_key, MONDAY)])
    assert trusting.has_signed(b"x", VAULT.sign(b"x"), MONDAY)
    assert not trusting.has_signed(b"y", VAULT.sign(b"x"), MONDAY)
    with pytest.raises(UnknownKey):
        trusting.open("patients", "phone", ROW, VAULT.seal("patients", "phone", ROW, "0555"))


@pytest.mark.parametrize("vault", [OTHER, TURNED], ids=["thrown away", "still at hand"])
def test_a_retired_key_signs_nothing_any_more(vault: Vault) -> None:
    trusting = vault.trusting([RetiredKey(VAULT.current.trail_key, MONDAY)])
    later = MONDAY + timedelta(microseconds=1)
    assert not trusting.has_signed(b"x", VAULT.sign(b"x"), later)
    assert trusting.has_signed(b"x", OTHER.sign(b"x"), later)


def test_a_key_that_is_in_use_again_is_not_retired() -> None:
    trusting = VAULT.trusting([RetiredKey(VAULT.current.trail_key, MONDAY)])
    assert trusting.has_signed(b"x", VAULT.sign(b"x"), MONDAY + timedelta(days=1))


def test_the_current_key_may_be_named_among_the_older_ones() -> None:
    assert Vault.of(b"k" * 32, b"k" * 32, b"o" * 32, b"o" * 32).key_ids == {VAULT.key_id, OTHER.key_id}
    assert len(Vault.of(b"k" * 32, b"k" * 32, b"o" * 32, b"o" * 32).older) == 1


def test_a_vault_does_not_show_its_keys() -> None:
    shown = repr(TURNED) + repr(TURNED.current)
    assert repr(TURNED.current.trail_key) not in shown
    assert repr(TURNED.current.index_key) not in shown
