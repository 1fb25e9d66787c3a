"""Access tokens: short-lived JWTs (RFC 7519), each signed by a key of ours that its header names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

import jwt

from appointed.core.settings import Settings
from appointed.core.signing import SigningKey, SigningKeys, hmac_key

from .errors import InvalidToken
from .refresh import Chain

ISSUER = AUDIENCE = "appointed"
ACCESS = "access"
# A token that says by which key it should be verified would verify itself.
BRINGING_KEYS = frozenset({"jku", "jwk", "x5u", "x5c"})


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a valid token says. Of an app or a machine, which one it is and which scopes it was given."""

    user_id: UUID
    session_id: UUID
    client_id: UUID | None = None
    scopes: frozenset[str] = frozenset()


class Tokens:
    """Signs and reads access tokens, and derives refresh tokens. `now` is passed in, so that expiry follows the
    application's clock. `secret_key` signs unless there are other `keys`; refresh tokens are always derived from it."""

    def __init__(
        self, secret_key: str, lifetime: timedelta, *, keys: SigningKeys | None = None, issuer: str = ISSUER
    ) -> None:
        self.keys = keys or SigningKeys.of(hmac_key(secret_key))
        self.lifetime = lifetime
        self.issuer = issuer
        self.chain = Chain(secret_key)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        lifetime = timedelta(minutes=settings.access_token_minutes)
        return cls(settings.secret_key.get_secret_value(), lifetime, keys=settings.signing_keys, issuer=settings.issuer)

    def issue(
        self, user_id: UUID, session_id: UUID, now: datetime, *, client_id: UUID | None = None, scope: str = "",
        lifetime: timedelta | None = None,
    ) -> str:  # fmt: skip
        claims = {"sub": str(user_id), "sid": str(session_id), "typ": ACCESS, "iss": self.issuer, "aud": AUDIENCE,
                  "iat": now, "exp": now + (lifetime or self.lifetime)}  # fmt: skip
        if client_id:
            claims |= {"client_id": str(client_id), "scope": scope}
        key = self.keys.current
        return jwt.encode(claims, key.signing, algorithm=key.algorithm, headers={"kid": key.key_id})

    def read(self, token: str, now: datetime) -> AccessToken:
        """`InvalidToken` for anything but an unexpired access token of ours."""
        try:
            key = self._key_of(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                key.verifying,
                algorithms=[key.algorithm],
                audience=AUDIENCE,
                issuer=self.issuer,
                options={"require": ["sub", "sid", "typ", "iss", "aud", "iat", "exp"], "verify_exp": False,
                         "verify_iat": False, "verify_nbf": False},
            )  # fmt: skip
            if claims["typ"] != ACCESS or not float(claims.get("nbf", 0)) <= now.timestamp() < float(claims["exp"]):
                raise InvalidToken
            client_id = UUID(claims["client_id"]) if "client_id" in claims else None
            scopes = frozenset(claims["scope"].split()) if client_id else frozenset()
            return AccessToken(UUID(claims["sub"]), UUID(claims["sid"]), client_id, scopes)
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, KeyError):
            raise InvalidToken from None

    def _key_of(self, header: Mapping[str, Any]) -> SigningKey:
        """The key that the header names. It is for one algorithm, whatever else the header says."""
        if BRINGING_KEYS & header.keys():
            raise InvalidToken
        return self.keys.by_id[header["kid"]]
