"""Access tokens: ours, unexpired, unaltered, or refused."""

import base64
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from appointed.accounts.errors import InvalidToken
from appointed.accounts.tokens import AccessToken, Tokens
from appointed.core.signing import SigningKey, SigningKeys, hmac_key, keys_in, new_pem
from tests.support.clock import MONDAY

ZOE, SESSION, APP = UUID(int=1), UUID(int=2), UUID(int=3)
LIFETIME = timedelta(minutes=15)
SECRET = "s" * 32
HMAC_KEY, (ED_KEY,) = hmac_key(SECRET), keys_in(new_pem())
HMACS = Tokens(SECRET, LIFETIME)
EDS = Tokens(SECRET, LIFETIME, keys=SigningKeys.of(ED_KEY))
CLAIMS = {"sub": str(ZOE), "sid": str(SESSION), "typ": "access", "iss": "appointed", "aud": "appointed",
          "iat": int(MONDAY.timestamp()), "exp": int((MONDAY + LIFETIME).timestamp())}  # fmt: skip
OTHER_ED, EC_KEY = ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
# What anybody reads in the published keys, in each form in which a careless program took it for an HMAC's secret.
PUBLISHED = {
    "in PEM": ED_KEY.verifying.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "in DER": ED_KEY.verifying.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "as it is": ED_KEY.verifying.public_bytes(Encoding.Raw, PublicFormat.Raw),
    "as a JWK": json.dumps(ED_KEY.jwk).encode(),
}


def segment(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed(key: SigningKey, headers: dict[str, Any] | None = None, by: Any = None, algorithm: str = "",
           **changes: Any) -> str:  # fmt: skip
    """A token like ours but for the changes; a claim of None is left out."""
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    return jwt.encode(claims, by or key.signing, algorithm or key.algorithm, {"kid": key.key_id} | (headers or {}))


def by_hmac(secret: bytes, **header: Any) -> str:
    """Signed by HMAC-SHA-256, whatever the header says."""
    said = f"{segment(header)}.{segment(CLAIMS)}"
    return f"{said}.{segment(hmac.digest(secret, said.encode(), 'sha256'))}"


def unsigned(**header: Any) -> str:
    return f"{segment(header)}.{segment(CLAIMS)}."


def refused(tokens: Tokens, key: SigningKey) -> Iterator[tuple[str, str]]:
    """What is no token of ours, by what is wrong with it."""
    good, kid = tokens.issue(ZOE, SESSION, MONDAY), key.key_id
    for algorithm in ("none", "NoNe", "NONE", None, "", 7):
        yield f"algorithm {algorithm}", unsigned(alg=algorithm, kid=kid)
    yield "no algorithm named", unsigned(kid=kid)
    yield "our header without a signature", unsigned(alg=key.algorithm, kid=kid)
    yield "no key named", jwt.encode(CLAIMS, key.signing, key.algorithm)
    for name in ("", "another", "../../dev/null"):
        yield f"the key {name!r} named", signed(key, {"kid": name})
    yield "the other key named", signed(key, {"kid": OTHER[kid].key_id})
    unnamed: list[Any] = [None, 7, [kid], {}]
    for strange in unnamed:
        yield (
            f"a key named by a {type(strange).__name__}",
            f"{segment({'alg': key.algorithm, 'kid': strange})}.{segment(CLAIMS)}.AA",
        )
    for header in ("jku", "x5u"):
        yield f"a {header} to look at", signed(key, {header: "https://example.org/keys.json"})
    yield "a key that it brings", signed(key, {"jwk": ED_KEY.jwk})
    yield "a certificate that it brings", signed(key, {"x5c": ["AA=="]})
    yield "another Ed25519 key", signed(key, by=OTHER_ED, algorithm="EdDSA")
    yield "another HMAC key", signed(key, by=b"o" * 32, algorithm="HS256")
    yield "a key on a curve", signed(key, by=EC_KEY, algorithm="ES256")
    yield "the setting itself as the key", signed(key, by=SECRET, algorithm="HS256")
    yield "another algorithm with the derived key", signed(key, by=HMAC_KEY.signing * 2, algorithm="HS512")
    for form, text in PUBLISHED.items():
        for algorithm in ("HS256", "EdDSA"):
            yield f"the public key {form} as a secret, called {algorithm}", by_hmac(text, alg=algorithm, kid=kid)
    yield "signed by the key of the other algorithm", signed(key, by=OTHER[key.key_id].signing,
                                                            algorithm=OTHER[key.key_id].algorithm)  # fmt: skip
    yield "by the other algorithm's name", renamed(key, OTHER[key.key_id].algorithm)
    yield "an extension that must be understood", signed(key, {"crit": ["x"], "x": 1})
    for name, changes in CLAIMS_REFUSED.items():
        yield name, signed(key, **changes)
    yield "half of it", good[: len(good) // 2]
    yield "without its end", good[:-6]
    yield "two parts", ".".join(good.split(".")[:2])
    yield "four parts", f"{good}.x"
    yield "a space after it", f"{good} "
    yield "nothing", ""
    yield "not ASCII", "é.é.é"


def renamed(key: SigningKey, algorithm: str) -> str:
    """A good signature of ours, whose header calls the algorithm by another name."""
    said = f"{segment({'alg': algorithm, 'kid': key.key_id})}.{segment(CLAIMS)}"
    if key is HMAC_KEY:
        return f"{said}.{segment(hmac.digest(key.signing, said.encode(), 'sha256'))}"
    return f"{said}.{segment(key.signing.sign(said.encode()))}"


OTHER = {HMAC_KEY.key_id: ED_KEY, ED_KEY.key_id: HMAC_KEY}
NOW = int(MONDAY.timestamp())
CLAIMS_REFUSED: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "somebody-else"},
    "many audiences without ours": {"aud": ["a", "b"]},
    "another issuer": {"iss": "somebody-else"},
    "another kind of token": {"typ": "invitation"},
    "no kind of token": {"typ": None},
    "no audience": {"aud": None},
    "no issuer": {"iss": None},
    "no end": {"exp": None},
    "an end that is no time": {"exp": "never"},
    "no beginning": {"iat": None},
    "nobody": {"sub": None},
    "somebody who is no user": {"sub": "zoe"},
    "no session": {"sid": None},
    "a session that is none": {"sid": "1"},
    "a number for a session": {"sid": 1},
    "an expired one": {"exp": NOW},
    "not yet good": {"nbf": NOW + 1},
    "not good for a hundred years": {"nbf": NOW + 36_500 * 86_400},
    "a beginning that is no time": {"nbf": "soon"},
    "an app that is none": {"client_id": "1", "scope": "profile"},
    "an app without scopes": {"client_id": str(APP)},
    "an app's scopes as a list": {"client_id": str(APP), "scope": ["profile"]},
}
REFUSED = [pytest.param(tokens, token, id=f"{key.algorithm} {name}")
           for tokens, key in ((HMACS, HMAC_KEY), (EDS, ED_KEY)) for name, token in refused(tokens, key)]  # fmt: skip
BOTH = pytest.mark.parametrize(("tokens", "key"), [(HMACS, HMAC_KEY), (EDS, ED_KEY)], ids=["HS256", "EdDSA"])


@BOTH
def test_a_token_says_who_it_was_issued_to(tokens: Tokens, key: SigningKey) -> None:
    issued = tokens.issue(ZOE, SESSION, MONDAY)
    for good in (issued, signed(key), renamed(key, key.algorithm), signed(key, nbf=NOW)):
        assert tokens.read(good, MONDAY) == AccessToken(ZOE, SESSION), "what is altered below is good unaltered"
    app = tokens.issue(ZOE, SESSION, MONDAY, client_id=APP, scope="profile patients:read")
    assert tokens.read(app, MONDAY) == AccessToken(ZOE, SESSION, APP, frozenset({"profile", "patients:read"}))


@BOTH
def test_a_token_ends_by_the_clock_that_it_was_issued_by(tokens: Tokens, key: SigningKey) -> None:
    token = tokens.issue(ZOE, SESSION, MONDAY)
    tokens.read(token, MONDAY + LIFETIME - timedelta(microseconds=1))
    for late in (timedelta(0), timedelta(seconds=1), timedelta(days=365)):
        with pytest.raises(InvalidToken):
            tokens.read(token, MONDAY + LIFETIME + late)
    short = tokens.issue(ZOE, SESSION, MONDAY, lifetime=timedelta(minutes=1))
    with pytest.raises(InvalidToken):
        tokens.read(short, MONDAY + timedelta(minutes=1))


@BOTH
def test_a_token_holds_ids_and_nothing_else(tokens: Tokens, key: SigningKey) -> None:
    """Whoever carries a token can read it."""
    token = tokens.issue(ZOE, SESSION, MONDAY)
    assert jwt.decode(token, options={"verify_signature": False}) == CLAIMS
    assert jwt.get_unverified_header(token) == {"alg": key.algorithm, "kid": key.key_id, "typ": "JWT"}


@pytest.mark.parametrize(("tokens", "token"), REFUSED)
def test_any_other_token_is_refused(tokens: Tokens, token: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.read(token, MONDAY)


@BOTH
def test_altering_any_character_is_found(tokens: Tokens, key: SigningKey) -> None:
    token = tokens.issue(ZOE, SESSION, MONDAY)
    for at, character in enumerate(token[:-1]):  # the last one also carries bits that stand for nothing
        altered = token[:at] + ("A" if character != "A" else "B") + token[at + 1 :]
        with pytest.raises(InvalidToken):
            tokens.read(altered, MONDAY)


@given(st.text() | st.from_regex(r"\A[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\Z"))
def test_whatever_is_sent_is_refused_and_breaks_nothing(token: str) -> None:
    for tokens in (HMACS, EDS):
        with pytest.raises(InvalidToken):
            tokens.read(token, MONDAY)


def test_an_older_key_verifies_and_signs_no_more() -> None:
    """By its own algorithm, from HMAC to HMAC, to Ed25519, from one Ed25519 key to the next, and back."""
    (newer,) = keys_in(new_pem())
    public = keys_in(ED_KEY.verifying.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())[0]
    for current, old in ((hmac_key("t" * 32), HMAC_KEY), (ED_KEY, HMAC_KEY), (newer, public), (HMAC_KEY, public)):
        turned = Tokens(SECRET, LIFETIME, keys=SigningKeys.of(current, [old]))
        before = HMACS if old is HMAC_KEY else EDS
        assert turned.read(before.issue(ZOE, SESSION, MONDAY), MONDAY).user_id == ZOE
        fresh = turned.issue(ZOE, SESSION, MONDAY)
        assert turned.read(fresh, MONDAY).user_id == ZOE
        assert jwt.get_unverified_header(fresh)["kid"] == current.key_id
        for forgotten in (before, Tokens("u" * 32, LIFETIME)):
            with pytest.raises(InvalidToken):
                forgotten.read(fresh, MONDAY)
        with pytest.raises(InvalidToken):
            turned.read(by_hmac(PUBLISHED["in PEM"], alg="HS256", kid=old.key_id), MONDAY)
