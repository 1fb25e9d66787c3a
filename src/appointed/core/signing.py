"""The keys that sign and verify tokens: by an HMAC or by Ed25519, each under an id and for one algorithm alone."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

_PEM = re.compile(r"-----BEGIN (PRIVATE|PUBLIC) KEY-----.+?-----END \1 KEY-----", re.DOTALL)
_ID_BYTES = 8


class TokenAlgorithm(StrEnum):
    """How access tokens are signed."""

    HS256 = "HS256"
    EDDSA = "EdDSA"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key with its id (the header `kid`). `signing` is missing where only the public half is known."""

    key_id: str
    algorithm: TokenAlgorithm
    signing: Any = field(repr=False)
    verifying: Any = field(repr=False)

    @property
    def jwk(self) -> dict[str, str] | None:
        """The public half as others read it (RFC 7517); none of a key that is secret as a whole."""
        if self.algorithm is TokenAlgorithm.HS256:
            return None
        return {**_members(self.verifying), "kid": self.key_id, "use": "sig", "alg": self.algorithm}


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The key that signs, and all that verify, by id."""

    current: SigningKey
    by_id: Mapping[str, SigningKey]

    @classmethod
    def of(cls, current: SigningKey, older: Iterable[SigningKey] = ()) -> "SigningKeys":
        return cls(current, {key.key_id: key for key in (*older, current)})

    @property
    def jwks(self) -> dict[str, list[dict[str, str]]]:
        return {"keys": [jwk for key in self.by_id.values() if (jwk := key.jwk)]}


def hmac_key(secret_key: str) -> SigningKey:
    """Derived from `SECRET_KEY`, and so is its id, which says nothing about it."""
    key = HKDF(SHA256(), 32, None, b"appointed:access-token").derive(secret_key.encode())
    key_id = HKDF(SHA256(), _ID_BYTES, None, b"appointed:access-token-id").derive(secret_key.encode())
    return SigningKey(_base64url(key_id), TokenAlgorithm.HS256, key, key)


def keys_in(pem: str) -> list[SigningKey]:
    """The Ed25519 keys of a text in PEM, private or public; `ValueError` if there is anything else, or nothing."""
    found = [_key_of(match[0], is_private=match[1] == "PRIVATE") for match in _PEM.finditer(pem)]
    if not found or _PEM.sub("", pem).strip():
        raise ValueError("must hold Ed25519 keys in PEM and nothing else")
    return found


def new_pem() -> str:
    """A new private key, as `keys_in` reads it."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _key_of(pem: str, *, is_private: bool) -> SigningKey:
    try:
        loaded = load_pem_private_key(pem.encode(), None) if is_private else load_pem_public_key(pem.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("holds a key that cannot be read") from None
    private = loaded if isinstance(loaded, Ed25519PrivateKey) else None
    public = private.public_key() if private else loaded
    if not isinstance(public, Ed25519PublicKey):
        raise ValueError("holds a key that is not for Ed25519")  # noqa: TRY004 - it is the file that is wrong
    return SigningKey(_thumbprint(public), TokenAlgorithm.EDDSA, private, public)


def _thumbprint(key: Ed25519PublicKey) -> str:
    """RFC 7638 section 3, with the members of RFC 8037 appendix A.3."""
    return _base64url(sha256(json.dumps(_members(key), separators=(",", ":"), sort_keys=True).encode()).digest())


def _members(key: Ed25519PublicKey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
