"""One-time codes are those of RFC 6238, and which of them are good is a matter of the time."""

import base64
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

import pytest

from appointed.accounts.factors import recovery, totp
from appointed.accounts.factors.rules import goes_forwards, steps_at
from appointed.core.ids import new_id

# The key of RFC 6238, appendix B, and the last six digits of its codes by SHA-1.
KEY = base64.b32encode(b"12345678901234567890").decode()
VECTORS = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037",
           20000000000: "353130"}  # fmt: skip


@pytest.mark.parametrize(("second", "code"), VECTORS.items())
def test_codes_are_those_of_the_standard(second: int, code: str) -> None:
    now = datetime.fromtimestamp(second, UTC)
    assert totp.code_at(KEY, second // 30) == code
    assert totp.step_of(KEY, code, now) == second // 30
    assert totp.step_of(KEY, f"{code[:3]} {code[3:]}", now) == second // 30


def test_the_code_before_and_the_code_after_are_good_too() -> None:
    now = datetime.fromtimestamp(1111111109, UTC)
    step = 1111111109 // 30
    assert steps_at(now) == (step - 1, step, step + 1)
    found = [totp.step_of(KEY, totp.code_at(KEY, step + by), now) for by in (-2, -1, 0, 1, 2)]
    assert found == [None, step - 1, step, step + 1, None]


def test_a_key_has_160_bits_and_no_two_are_alike() -> None:
    keys = {totp.new_key() for _ in range(50)}
    assert {len(base64.b32decode(key)) for key in keys} == {20}
    assert len(keys) == 50


def test_the_address_for_the_app_names_clinic_and_account() -> None:
    uri = totp.uri_of(KEY, account="robin.desk@example.org", issuer="Praxis Dr. Müller")
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc, unquote(parts.path)) == (
        "otpauth", "totp", "/Praxis Dr. Müller:robin.desk@example.org")  # fmt: skip
    assert parse_qs(parts.query) == {"secret": [KEY], "issuer": ["Praxis Dr. Müller"]}


def test_the_picture_is_svg_and_brings_neither_style_nor_script() -> None:
    picture = totp.qr_of(totp.uri_of(KEY, account="robin.desk@example.org", issuer="Clinic"))
    root = ElementTree.fromstring(picture)  # noqa: S314 - ours
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert {each.tag.rpartition("}")[2] for each in root.iter()} == {"svg", "g", "path"}
    assert "style" not in picture


def test_a_recovery_code_has_120_bits() -> None:
    codes = [recovery.new_code() for _ in range(100)]
    assert {len(base64.b32decode(code.replace("-", ""))) for code in codes} == {15}
    assert len(set(codes)) == 100


def test_a_recovery_code_is_known_however_it_is_typed_and_for_its_owner_alone() -> None:
    owner, code = new_id(), "OBI2-AAAA-BBBB-CCCC-DDDD-EEEE"
    kept = recovery.hash_of(owner, code)
    for typed in ("obi2aaaabbbbccccddddeeee", " OBI2 AAAA BBBB CCCC DDDD EEEE ", "08I2-AAAA-BBBB-CCCC-DDDD-EEEE",
                  "0B12-aaaa-8888-cccc-dddd-eeee"):  # fmt: skip
        assert recovery.hash_of(owner, typed) == kept, typed
    assert recovery.hash_of(owner, code[:-1]) != kept
    assert recovery.hash_of(new_id(), code) != kept


@pytest.mark.parametrize(("before", "now", "is_good"), [
    (0, 0, True), (0, 1, True), (7, 8, True), (7, 7, False), (7, 6, False), (7, 0, False),
])  # fmt: skip
def test_a_counter_goes_forwards_or_does_not_count(before: int, now: int, is_good: bool) -> None:
    assert goes_forwards(before, now) is is_good
