"""An authenticator in software: it makes passkeys (ES256) and signs with them, truthfully unless told otherwise."""

import base64
import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "http://127.0.0.1:8000"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
_COORDINATE = 32


@dataclass(slots=True)
class Authenticator:
    """Holds one passkey. `count` goes up with each signature; None counts nothing, as many do."""

    origin: str = ORIGIN
    count: int | None = 0
    verifies: bool = True
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(20))
    user_id: str | None = None
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, options: Any, **lies: Any) -> dict[str, Any]:
        """What `navigator.credentials.create()` answers; of `rp_id`, `challenge` and `type` it may be told others."""
        self.user_id = options["user"]["id"]
        data = self._data(lies.get("rp_id", options["rp"]["id"]), attested=self._attested())
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        said = self._said(lies.get("type", "webauthn.create"), lies.get("challenge", options["challenge"]))
        return self._credential(clientDataJSON=text(said), attestationObject=text(attestation))

    def show(self, options: Any, **lies: Any) -> dict[str, Any]:
        """What `navigator.credentials.get()` answers, likewise."""
        if self.count is not None:
            self.count += 1
        data = self._data(lies.get("rp_id", options["rpId"]))
        said = self._said(lies.get("type", "webauthn.get"), lies.get("challenge", options["challenge"]))
        signature = self._key.sign(data + sha256(said).digest(), ec.ECDSA(SHA256()))
        return self._credential(clientDataJSON=text(said), authenticatorData=text(data), signature=text(signature),
                                userHandle=lies.get("user_id", self.user_id))  # fmt: skip

    def _said(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _data(self, rp_id: str, attested: bytes = b"") -> bytes:
        flags = PRESENT | (VERIFIED if self.verifies else 0) | (ATTESTED if attested else 0)
        return sha256(rp_id.encode()).digest() + bytes([flags]) + (self.count or 0).to_bytes(4) + attested

    def _attested(self) -> bytes:
        """Which authenticator it is (none is told), the passkey's id, and its public key in COSE (RFC 9053)."""
        numbers = self._key.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(_COORDINATE), -3: numbers.y.to_bytes(_COORDINATE)}
        return bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id + cbor2.dumps(key)

    def _credential(self, **response: str | None) -> dict[str, Any]:
        id_ = text(self.credential_id)
        return {"id": id_, "rawId": id_, "type": "public-key", "response": response, "clientExtensionResults": {}}


def text(raw: bytes) -> str:
    """In base64url."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
