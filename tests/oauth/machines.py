"""A machine's key, and what it signs by it to show who it is."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from appointed.oauth.schemas import JWT_BEARER

ISSUER = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Pair:
    """A private key with the algorithm that it is for, and its public half as it is handed over."""

    private: Any
    algorithm: str
    jwk: dict[str, Any]


def pair(algorithm: str = "EdDSA", kid: str | None = None) -> Pair:
    private: Any
    match algorithm:
        case "EdDSA":
            private = ed25519.Ed25519PrivateKey.generate()
            jwk = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
        case "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
            jwk = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
        case _:
            private = rsa.generate_private_key(65_537, 3_072)
            jwk = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    known = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
    return Pair(private, algorithm, known | ({"kid": kid} if kid else {}))


def assertion(by: Pair, client_id: UUID, now: datetime, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    """What the machine signs; a claim of None is left out."""
    claims = {"iss": str(client_id), "sub": str(client_id), "aud": f"{ISSUER}/auth/token", "jti": str(uuid4()),
              "iat": int(now.timestamp()), "exp": int((now + timedelta(minutes=5)).timestamp())} | changes  # fmt: skip
    said = {name: value for name, value in claims.items() if value is not None}
    return jwt.PyJWS().encode(json.dumps(said).encode(), by.private, by.algorithm, headers)


def form(shown: str, **more: str) -> dict[str, str]:
    """What the machine sends for a token."""
    return {"grant_type": "client_credentials", "client_assertion_type": JWT_BEARER, "client_assertion": shown} | more
