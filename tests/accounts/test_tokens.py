"""Access tokens: ours, unexpired, unaltered, or refused."""

import base64
import hmac
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from appointed.accounts.errors import InvalidToken
from appointed.accounts.tokens import AccessToken, Tokens
from tests.support.clock import MONDAY

ZOE, SESSION = UUID(int=1), UUID(int=2)
LIFETIME = timedelta(minutes=15)
TOKENS = Tokens("s" * 32, LIFETIME)
KEY: bytes = TOKENS._key
CLAIMS = {"sub": str(ZOE), "sid": str(SESSION), "typ": "access", "iss": "appointed", "aud": "appointed",
          "iat": int(MONDAY.timestamp()), "exp": int((MONDAY + LIFETIME).timestamp())}  # fmt: skip
TOKEN = TOKENS.issue(ZOE, SESSION, MONDAY)


def signed(key: Any = KEY, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token like ours but for the changes; a claim of None is left out."""
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers)


def renamed(algorithm: str) -> str:
    """Signed by our key with our algorithm, which the header calls another."""
    header, claims = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in
                      ({"alg": algorithm, "typ": "JWT"}, CLAIMS))  # fmt: skip
    signature = base64.urlsafe_b64encode(hmac.digest(KEY, header + b"." + claims, "sha256")).rstrip(b"=")
    return b".".join((header, claims, signature)).decode()


def unsigned(**header: Any) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, CLAIMS)]
    return ".".join([*parts, ""])


def test_a_token_says_who_it_was_issued_to() -> None:
    assert TOKENS.read(TOKEN, MONDAY) == AccessToken(ZOE, SESSION)
    for good in (signed(), renamed("HS256"), signed(nbf=int(MONDAY.timestamp()))):
        assert TOKENS.read(good, MONDAY) == AccessToken(ZOE, SESSION), "what is altered below is good unaltered"


def test_a_token_ends_by_the_clock_that_it_was_issued_by() -> None:
    TOKENS.read(TOKEN, MONDAY + LIFETIME - timedelta(microseconds=1))
    for late in (timedelta(0), timedelta(seconds=1), timedelta(days=365)):
        with pytest.raises(InvalidToken):
            TOKENS.read(TOKEN, MONDAY + LIFETIME + late)


def test_a_token_holds_ids_and_nothing_else() -> None:
    """Whoever carries a token can read it."""
    assert jwt.decode(TOKEN, options={"verify_signature": False}) == CLAIMS


REFUSED = {
    "no algorithm": unsigned(alg="none"),
    "no algorithm, in other letters": unsigned(alg="NoNe"),
    "no algorithm named": unsigned(typ="JWT"),
    "our header without a signature": unsigned(alg="HS256", typ="JWT"),
    "another key": signed(b"o" * 32),
    "the setting itself as the key": signed("s" * 32),
    "another algorithm with our key": signed(algorithm="HS512", key=KEY * 2),
    "a key that the token brings": signed(b"o" * 32, headers={"jwk": {"kty": "oct", "k": "b29v"}}),
    "another audience": signed(aud="somebody-else"),
    "many audiences without ours": signed(aud=["a", "b"]),
    "another issuer": signed(iss="somebody-else"),
    "another kind of token": signed(typ="invitation"),
    "no kind of token": signed(typ=None),
    "no audience": signed(aud=None),
    "no issuer": signed(iss=None),
    "no end": signed(exp=None),
    "an end that is no time": signed(exp="never"),
    "no beginning": signed(iat=None),
    "nobody": signed(sub=None),
    "somebody who is no user": signed(sub="zoe"),
    "no session": signed(sid=None),
    "a session that is none": signed(sid="1"),
    "a number for a session": signed(sid=1),
    "an expired one": signed(exp=int(MONDAY.timestamp())),
    "not yet good": signed(nbf=int((MONDAY + timedelta(seconds=1)).timestamp())),
    "not good for a hundred years": signed(nbf=int((MONDAY + timedelta(days=36_500)).timestamp())),
    "a beginning that is no time": signed(nbf="soon"),
    "a key of another kind": signed(ec.generate_private_key(ec.SECP256R1()), "ES256"),
    "our signature by another name": renamed("RS256"),
    "half of it": TOKEN[: len(TOKEN) // 2],
    "without its end": TOKEN[:-6],
    "an extension that must be understood": signed(headers={"crit": ["x"], "x": 1}),
    "nothing": "",
    "two parts": ".".join(TOKEN.split(".")[:2]),
    "four parts": TOKEN + ".x",
    "a space after it": TOKEN + " ",
    "not ASCII": "é.é.é",
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        TOKENS.read(token, MONDAY)


def test_altering_any_character_is_found() -> None:
    for at, character in enumerate(TOKEN[:-1]):  # the last one also carries bits that stand for nothing
        altered = TOKEN[:at] + ("A" if character != "A" else "B") + TOKEN[at + 1 :]
        with pytest.raises(InvalidToken):
            TOKENS.read(altered, MONDAY)


@given(st.text() | st.from_regex(r"\A[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\Z"))
def test_whatever_is_sent_is_refused_and_breaks_nothing(token: str) -> None:
    with pytest.raises(InvalidToken):
        TOKENS.read(token, MONDAY)
