"""Passkeys (WebAuthn level 3): what a browser is asked, and whether what it answers is meant for this site."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import options_to_json_dict, parse_client_data_json
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from .rules import CHALLENGE_LASTS

Credential = Mapping[str, Any]
_ALGORITHMS = [COSEAlgorithmIdentifier.EDDSA, COSEAlgorithmIdentifier.ECDSA_SHA_256,
               COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256]  # fmt: skip
_MILLISECONDS = int(CHALLENGE_LASTS.total_seconds() * 1000)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Site:
    """For whom passkeys are: the host is their relying party, and pages of the origin alone may ask for them."""

    host: str
    origin: str
    name: str

    @classmethod
    def at(cls, public_url: str, name: str) -> "Site":
        parts = urlsplit(public_url)
        host, scheme = (parts.hostname or "localhost"), parts.scheme or "http"
        named = f"[{host}]" if ":" in host else host
        port = "" if parts.port in (None, _DEFAULT_PORTS.get(scheme)) else f":{parts.port}"
        return cls(host, f"{scheme}://{named}{port}", name)


@dataclass(frozen=True, slots=True)
class Made:
    """A passkey that a browser has made. Texts are base64url."""

    credential_id: str
    public_key: str
    sign_count: int


def to_make(site: Site, challenge: bytes, user_id: UUID, account: str, name: str, known: Iterable[str]) -> Any:
    """The options of `navigator.credentials.create()`: found without a user name, and only with PIN, finger or face."""
    options = generate_registration_options(
        rp_id=site.host, rp_name=site.name, user_id=user_id.bytes, user_name=account, user_display_name=name,
        challenge=challenge, timeout=_MILLISECONDS, exclude_credentials=_described(known),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        supported_pub_key_algs=_ALGORITHMS,
    )  # fmt: skip
    return options_to_json_dict(options)


def to_show(site: Site, challenge: bytes, allowed: Iterable[str] = ()) -> Any:
    """The options of `navigator.credentials.get()`. Without a passkey to choose from, the user must prove themselves to
    theirs: then it is more than something that somebody has."""
    described = _described(allowed)
    asked = UserVerificationRequirement.DISCOURAGED if described else UserVerificationRequirement.REQUIRED
    options = generate_authentication_options(rp_id=site.host, challenge=challenge, timeout=_MILLISECONDS,
                                              allow_credentials=described, user_verification=asked)  # fmt: skip
    return options_to_json_dict(options)


def challenge_in(credential: Credential) -> bytes:
    """The challenge that the browser says it was given; nothing if it says nothing sensible."""
    try:
        raw = from_base64url(credential["response"]["clientDataJSON"])
        return bytes(parse_client_data_json(raw).challenge)
    # The library raises whatever the bytes make it meet.
    except Exception:
        return b""


def made(site: Site, credential: Credential, challenge: bytes) -> Made | None:
    """The new passkey; None if it is for another site or request, or its user has not proven themselves to it."""
    try:
        checked = verify_registration_response(
            credential=dict(credential), expected_challenge=challenge, expected_rp_id=site.host,
            expected_origin=site.origin, require_user_verification=True, supported_pub_key_algs=_ALGORITHMS,
        )  # fmt: skip
    except Exception:
        return None
    return Made(to_base64url(checked.credential_id), to_base64url(checked.credential_public_key), checked.sign_count)


def counted(site: Site, credential: Credential, challenge: bytes, public_key: str, *, by_itself: bool) -> int | None:
    """How often it says that it was used, if it has signed this challenge for this site; `by_itself` its user must have
    proven themselves to it. Whether that counts forwards is for the caller to say, and to record."""
    try:
        checked = verify_authentication_response(
            credential=dict(credential), expected_challenge=challenge, expected_rp_id=site.host,
            expected_origin=site.origin, credential_public_key=from_base64url(public_key),
            credential_current_sign_count=0, require_user_verification=by_itself,
        )  # fmt: skip
    except Exception:
        return None
    return checked.new_sign_count


def hash_of(credential_id: str) -> bytes:
    """What a passkey is found by: its id may be longer than an index takes."""
    return sha256(from_base64url(credential_id)).digest()


def is_owner(credential: Credential, user_id: UUID) -> bool:
    """Whether the authenticator holds the passkey for this user, if it says for whom."""
    handle = credential["response"].get("userHandle")
    return not handle or from_base64url(handle) == user_id.bytes


def to_base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """Nothing, if it is none."""
    try:
        return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return b""


def _described(credential_ids: Iterable[str]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=from_base64url(each)) for each in credential_ids]
