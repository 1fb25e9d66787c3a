"""How a machine proves who it is: by a JWT that it has signed for us, for once and for a moment (RFC 7523)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

LONGEST = timedelta(minutes=5)
# So much may the machine's clock be ahead of ours.
SKEW = timedelta(seconds=30)
# Each kind of key is for one algorithm, whatever a token says of itself.
ALGORITHMS = {"OKP": "EdDSA", "EC": "ES256", "RSA": "RS256"}
# As strong as P-256 (NIST SP 800-57 part 1, table 2).
LEAST_RSA_BITS = 3_072
MOST_JTI = 200


@dataclass(frozen=True, slots=True)
class Assertion:
    """One that is good. `jti_hash` is what it is known by, and until `expires_at` it must not be seen again."""

    jti_hash: bytes
    expires_at: datetime


def issuer_of(text: str) -> UUID | None:
    """Who the assertion says that it is of, true or not."""
    try:
        return UUID(jwt.decode(text, options={"verify_signature": False})["iss"])
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, KeyError):
        return None


def read(
    text: str, keys: Sequence[Mapping[str, Any]], client_id: UUID, audiences: Collection[str], now: datetime
) -> Assertion | None:
    """The assertion if it is the client's, for us alone, and for now; else None."""
    try:
        header = jwt.get_unverified_header(text)
        for key in keys:
            names = {header.get("kid"), key.get("kid")} - {None}
            if len(names) < 2 and header["alg"] == ALGORITHMS[key["kty"]]:
                claims = _claims(text, key, audiences)
                if claims is not None:
                    return _checked(claims, str(client_id), now)
    except (jwt.InvalidTokenError, ValueError, TypeError, KeyError, OverflowError):
        return None
    return None


def _claims(text: str, key: Mapping[str, Any], audiences: Collection[str]) -> dict[str, Any] | None:
    try:
        claims: dict[str, Any] = jwt.decode(
            text, jwt.PyJWK(dict(key), ALGORITHMS[key["kty"]]).key, algorithms=[ALGORITHMS[key["kty"]]],
            audience=audiences,
            options={"require": ["iss", "sub", "aud", "exp", "jti"], "verify_exp": False, "verify_iat": False,
                     "verify_nbf": False},
        )  # fmt: skip
    except jwt.InvalidSignatureError:
        return None
    return claims


def _checked(claims: Mapping[str, Any], client_id: str, now: datetime) -> Assertion | None:
    """One for several audiences could be used by each of them against us."""
    expires_at = datetime.fromtimestamp(float(claims["exp"]), UTC)
    begins = max(float(claims.get("iat", 0)), float(claims.get("nbf", 0)))
    is_alone = isinstance(claims["aud"], str) or len(claims["aud"]) == 1
    is_now = now < expires_at <= now + LONGEST + SKEW and begins <= (now + SKEW).timestamp()
    jti = claims["jti"]
    if not (claims["iss"] == claims["sub"] == client_id and is_alone and is_now and 0 < len(jti) <= MOST_JTI):
        return None
    return Assertion(sha256(jti.encode("utf-8", "surrogatepass")).digest(), expires_at)


def check_key(key: Mapping[str, Any]) -> None:
    """`ValueError` for what is no public key that machines sign with."""
    try:
        loaded = jwt.PyJWK(dict(key), ALGORITHMS[key["kty"]]).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise ValueError("is not a public key for EdDSA (Ed25519), ES256 or RS256") from None
    if isinstance(loaded, RSAPublicKey) and loaded.key_size < LEAST_RSA_BITS:
        raise ValueError(f"must have {LEAST_RSA_BITS:,} bits or more")
