"""Keys that sign tokens: read from PEM, named by their thumbprint, published without their private half."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from appointed.core.signing import SigningKeys, TokenAlgorithm, hmac_key, keys_in, new_pem

# RFC 8037 appendices A.1 and A.3: a private key, and the thumbprint of its public half.
SECRET = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"


def pem_of(private: object) -> str:
    text: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]
    return text.decode()


KNOWN = ed25519.Ed25519PrivateKey.from_private_bytes(SECRET)
PUBLIC = KNOWN.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_key_is_named_by_its_thumbprint_private_or_public() -> None:
    for pem, has_both in ((pem_of(KNOWN), True), (PUBLIC, False)):
        (key,) = keys_in(f"\n{pem}\n")
        assert (key.key_id, key.algorithm, key.signing is not None) == (THUMBPRINT, TokenAlgorithm.EDDSA, has_both)


def test_only_public_halves_are_published() -> None:
    current, older = keys_in(pem_of(KNOWN))[0], keys_in(new_pem())[0]
    jwks = SigningKeys.of(current, [hmac_key("s" * 32), older]).jwks
    assert [key["kid"] for key in jwks["keys"]] == [older.key_id, THUMBPRINT]
    assert jwks["keys"][-1] == {"kty": "OKP", "crv": "Ed25519", "x": X, "kid": THUMBPRINT, "use": "sig", "alg": "EdDSA"}
    assert '"d"' not in json.dumps(jwks)
    assert "nWGx" not in repr(current)


def test_a_key_from_the_secret_is_named_and_yet_unknown() -> None:
    one, same, other = hmac_key("s" * 32), hmac_key("s" * 32), hmac_key("t" * 32)
    assert (one.key_id, one.signing) == (same.key_id, same.signing)
    assert one.key_id != other.key_id
    assert one.signing.hex()[:16] != base64.urlsafe_b64decode(one.key_id + "=").hex()


def test_several_keys_stand_one_after_the_other() -> None:
    assert [key.key_id for key in keys_in(PUBLIC + new_pem() + pem_of(KNOWN))][::2] == [THUMBPRINT] * 2


LOCKED = KNOWN.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"locked")).decode()
WRONG = {
    "nothing": "",
    "no PEM": "c2VjcmV0",
    "something before it": f"my key:\n{PUBLIC}",
    "something behind it": f"{PUBLIC}x",
    "half of it": PUBLIC[:60],
    "another curve": pem_of(ec.generate_private_key(ec.SECP256R1())),
    "Ed448": pem_of(ed448.Ed448PrivateKey.generate()),
    "RSA": pem_of(rsa.generate_private_key(65_537, 2_048)),
    "a password on it": LOCKED,
    "no key inside": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
}


@pytest.mark.parametrize("pem", WRONG.values(), ids=WRONG)
def test_anything_else_is_no_key(pem: str) -> None:
    with pytest.raises(ValueError, match="key"):
        keys_in(pem)
