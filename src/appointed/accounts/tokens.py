"""Access tokens: short-lived JWTs (RFC 7519) signed with HMAC-SHA-256 by a key derived from `SECRET_KEY`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import InvalidToken
from .refresh import Chain

ALGORITHM = "HS256"
ISSUER = AUDIENCE = "appointed"
ACCESS = "access"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a valid token says."""

    user_id: UUID
    session_id: UUID


class Tokens:
    """Signs and reads access tokens, and derives refresh tokens. `now` is passed in, so that expiry follows the
    application's clock."""

    def __init__(self, secret_key: str, lifetime: timedelta) -> None:
        self._key = HKDF(SHA256(), 32, None, b"appointed:access-token").derive(secret_key.encode())
        self.lifetime = lifetime
        self.chain = Chain(secret_key)

    def issue(self, user_id: UUID, session_id: UUID, now: datetime) -> str:
        claims = {"sub": str(user_id), "sid": str(session_id), "typ": ACCESS, "iss": ISSUER, "aud": AUDIENCE,
                  "iat": now, "exp": now + self.lifetime}  # fmt: skip
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def read(self, token: str, now: datetime) -> AccessToken:
        """`InvalidToken` for anything but an unexpired access token of ours."""
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["sub", "sid", "typ", "iss", "aud", "iat", "exp"], "verify_exp": False,
                         "verify_iat": False, "verify_nbf": False},
            )  # fmt: skip
            if claims["typ"] != ACCESS or not float(claims.get("nbf", 0)) <= now.timestamp() < float(claims["exp"]):
                raise InvalidToken
            return AccessToken(UUID(claims["sub"]), UUID(claims["sid"]))
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
            raise InvalidToken from None
