"""Second factors on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from appointed.accounts.factors.models import Passkey
from appointed.accounts.factors.queries import Factors
from appointed.accounts.factors.rules import Method
from appointed.accounts.factors.showing import Proof
from appointed.accounts.passwords import ShownPassword
from appointed.core.text import Code, Name

Base64Url = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]*={0,2}$", max_length=20_000)]
TotpCode = Annotated[str, Field(pattern=r"^[0-9]{3} ?[0-9]{3}$", examples=["287082"])]
CODES = [["JBSW-Y3DP-EHPK-3PXP-7Q2A-M5ZK", "…"]]


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CurrentPassword(_Sent):
    current_password: ShownPassword = Field(examples=["a long sentence is best"])


class TotpBegun(BaseModel):
    """For the app, in three forms. They are shown this once."""

    otpauth_uri: str
    key: str = Field(description="In base32, to be typed.")
    qr_svg: str = Field(description="The address as a QR code: an SVG picture.")


class TotpConfirm(_Sent):
    code: TotpCode


class RecoveryCodes(BaseModel):
    """Shown this once. None, if there were some already that are still good."""

    recovery_codes: list[str]


class PasskeyOptions(BaseModel):
    """For `navigator.credentials`, by way of `PublicKeyCredential.parse…OptionsFromJSON()`."""

    public_key: dict[str, Any]


class Attestation(BaseModel):
    client_data: Base64Url = Field(alias="clientDataJSON", examples=["eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIn0"])
    attestation_object: Base64Url = Field(alias="attestationObject", examples=["o2NmbXRkbm9uZWdhdHRTdG10oA"])


class Assertion(BaseModel):
    client_data: Base64Url = Field(alias="clientDataJSON", examples=["eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0"])
    authenticator_data: Base64Url = Field(alias="authenticatorData", examples=["SZYN5YgOjGh0NBcPZHZgW4_krrmihjLH"])
    signature: Base64Url = Field(examples=["MEUCIQDkX0l2v8dQW1u3Yt5m7Hs"])
    user_handle: Base64Url | None = Field(None, alias="userHandle", examples=["AZsvTnwacABwAAAAAAAABA"])


class _Credential(BaseModel):
    """`PublicKeyCredential.toJSON()` of the browser. What else it says is ignored."""

    id: Base64Url = Field(min_length=1, max_length=1364, examples=["q83vASNFZ4mrze8"])
    raw_id: Base64Url = Field(alias="rawId", min_length=1, max_length=1364, examples=["q83vASNFZ4mrze8"])
    type: str = Field(pattern="^public-key$", examples=["public-key"])

    def as_sent(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True)


class NewCredential(_Credential):
    response: Attestation = Field(examples=[{"clientDataJSON": "eyJ0", "attestationObject": "o2Nm"}])


class ShownCredential(_Credential):
    response: Assertion = Field(examples=[{"clientDataJSON": "eyJ0", "authenticatorData": "SZYN", "signature": "MEUC"}])


NEW = {"id": "q83v", "rawId": "q83v", "type": "public-key",
       "response": {"clientDataJSON": "eyJ0", "attestationObject": "o2Nm"}}  # fmt: skip
SHOWN = NEW | {"response": {"clientDataJSON": "eyJ0", "authenticatorData": "SZYN", "signature": "MEUC"}}


class PasskeyCreate(_Sent):
    name: Name = Field(description="For its owner, who may have several.", examples=["Work laptop"])
    credential: NewCredential = Field(examples=[NEW])


class PasskeyUpdate(_Sent):
    name: Name = Field(examples=["Work laptop"])


class PasskeyLogin(_Sent):
    credential: ShownCredential = Field(examples=[SHOWN])


class ChallengeShown(_Sent):
    challenge: Code = Field(examples=["mN2Zk3v0cX8mA1tQ5rW7yU9oP2sD4fG6hJ8kL0zX3cV"])


class SecondFactorShow(ChallengeShown):
    """`challenge` is that of the first half of the login. With it goes one of the others."""

    totp: TotpCode | None = None
    recovery_code: Code | None = None
    passkey: ShownCredential | None = None

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"challenge": "mN2Zk3v0cX8mA1tQ5rW7yU9oP2sD4fG6hJ8kL0zX3cV", "totp": "287082"}]}
    )

    @model_validator(mode="after")
    def _shows_one(self) -> Self:
        if sum(each is not None for each in (self.totp, self.recovery_code, self.passkey)) != 1:
            raise PydanticCustomError("one_factor", "show one second factor: totp, recovery_code or passkey")
        return self

    @property
    def proof(self) -> Proof:
        if self.passkey:
            return Proof(Method.PASSKEY, credential=self.passkey.as_sent())
        if self.totp:
            return Proof(Method.TOTP, self.totp)
        return Proof(Method.RECOVERY_CODE, self.recovery_code or "")


class PasskeyRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


class PasskeyAdded(PasskeyRead, RecoveryCodes):
    """The passkey, and recovery codes if there were none."""

    @classmethod
    def of(cls, passkey: Passkey, codes: Sequence[str]) -> Self:
        return cls(**PasskeyRead.model_validate(passkey).model_dump(), recovery_codes=list(codes))


class FactorsRead(BaseModel):
    totp_added_at: datetime | None = Field(description="Since when there is an authenticator app; null: there is none.")
    passkeys: list[PasskeyRead]
    recovery_codes_left: int
    is_required: bool = Field(description="Whether the clinic wants this account to have one.")

    @classmethod
    def of(cls, factors: Factors, *, is_required: bool) -> Self:
        return cls(totp_added_at=factors.totp.confirmed_at if factors.totp else None, is_required=is_required,
                   passkeys=[PasskeyRead.model_validate(each) for each in factors.passkeys],
                   recovery_codes_left=factors.codes_left)  # fmt: skip
