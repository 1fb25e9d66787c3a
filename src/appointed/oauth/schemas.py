"""The forms and answers of RFC 6749, RFC 7009 and RFC 8414."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from appointed.core.text import check_text

from .authorizing import Asked

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
Word = Annotated[str, StringConstraints(max_length=4_000), AfterValidator(check_text)]


class ClientForm(BaseModel):
    """An app says who it is, a machine proves it. What else clients send is ignored, as RFC 6749 section 3.2 asks."""

    client_id: UUID | None = Field(None, examples=["019b2f4e-7c1a-7000-8000-000000000005"])
    client_assertion_type: Word | None = None
    client_assertion: Word | None = None


class TokenForm(ClientForm):
    grant_type: Word = Field(examples=["authorization_code"])
    code: Word | None = Field(None, examples=["SplxlOBeZQQYbYS6WxSbIA"])
    redirect_uri: Word | None = Field(None, examples=["https://app.example.org/callback"])
    code_verifier: Word | None = Field(None, examples=["dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"])
    refresh_token: Word | None = None
    scope: Word = ""


class RevokeForm(ClientForm):
    token: Word = Field(examples=["Zk3v0cX8mA1tQ5rW7yU9oP2sD4fG6hJ8kL0zX3cV5bN"])
    token_type_hint: Word | None = None


class GrantRead(BaseModel):
    """RFC 6749 section 5.1. A machine gets no refresh token."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind of token, not one
    expires_in: int = Field(description="Seconds.", examples=[900])
    scope: str = Field(examples=["appointments:read profile"])
    refresh_token: str | None = None


class Revoked(BaseModel):
    """Nothing needs to be said."""


class AuthorizeAsk(BaseModel):
    """What stands in the address that an app sends its user to (RFC 6749 section 4.1.1, RFC 7636). What else stands
    there is ignored, as that section asks."""

    client_id: UUID | None = Field(None, examples=["019b2f4e-7c1a-7000-8000-000000000005"])
    redirect_uri: Word = Field("", examples=["https://app.example.org/callback"])
    response_type: Word = Field("", examples=["code"])
    scope: Word = Field("", examples=["appointments:read profile"])
    state: Word | None = Field(None, examples=["xyz"])
    code_challenge: Word = Field("", examples=[CHALLENGE])
    code_challenge_method: Word = Field("", examples=["S256"])

    def asked(self) -> Asked:
        return Asked(self.client_id, self.redirect_uri, self.response_type, self.scope, self.state, self.code_challenge,
                     self.code_challenge_method)  # fmt: skip


class AuthorizeForm(AuthorizeAsk):
    """The form of the page that asks: the same, and which button was pressed."""

    decision: Literal["allow", "deny"]


class AuthorizeCreate(AuthorizeAsk):
    """The same as a document, and what the user says to it."""

    model_config = ConfigDict(extra="forbid")

    is_allowed: bool = Field(description="What the user says to what is asked for.", examples=[True])


class RedirectRead(BaseModel):
    redirect_to: str


class MetadataRead(BaseModel):
    """RFC 8414 section 2."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    jwks_uri: str | None = Field(description="Where tokens are signed by a key that has a public half.")
    scopes_supported: list[str]
    response_types_supported: list[str] = ["code"]
    response_modes_supported: list[str] = ["query"]
    grant_types_supported: list[str] = ["authorization_code", "client_credentials", "refresh_token"]
    token_endpoint_auth_methods_supported: list[str] = ["none", "private_key_jwt"]
    token_endpoint_auth_signing_alg_values_supported: list[str] = ["EdDSA", "ES256", "RS256"]
    revocation_endpoint_auth_methods_supported: list[str] = ["none", "private_key_jwt"]
    revocation_endpoint_auth_signing_alg_values_supported: list[str] = ["EdDSA", "ES256", "RS256"]
    code_challenge_methods_supported: list[str] = ["S256"]
    authorization_response_iss_parameter_supported: bool = True


class JwksRead(BaseModel):
    """RFC 7517 section 5."""

    keys: list[dict[str, str]]
