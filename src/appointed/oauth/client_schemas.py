"""Apps and machines on the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from appointed.accounts.actor import Role
from appointed.accounts.client_models import OAuthClient
from appointed.accounts.scopes import Scope
from appointed.core.text import check_text

from .assertions import check_key
from .clients import NewClient
from .rules import REDIRECT_URI, ClientKind

# A machine is no patient and no doctor, and what administrators do no scope names.
MachineRole = Literal[Role.NURSE, Role.RECEPTIONIST, Role.AUDITOR]
# RFC 7518 section 6, RFC 8037 section 2: whoever sends these has sent their secret.
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
ClientName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40), AfterValidator(check_text)
]
RedirectUri = Annotated[str, StringConstraints(max_length=300, pattern=REDIRECT_URI)]
Number = Annotated[str, StringConstraints(max_length=1_400, pattern=r"^[A-Za-z0-9_\-]+$")]
KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "2031-03"}


class PublicKey(BaseModel):
    """A public key that a machine signs with (RFC 7517): Ed25519, P-256, or RSA of 3,072 bits or more. What else stands
    in it, such as what it is for, is not kept."""

    kty: Literal["OKP", "EC", "RSA"]
    crv: Literal["Ed25519", "P-256"] | None = None
    x: Number | None = None
    y: Number | None = None
    n: Number | None = None
    e: Number | None = None
    kid: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,100}$")] | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_not_private(cls, said: Any) -> Any:
        if isinstance(said, Mapping) and PRIVATE & said.keys():
            raise ValueError("holds a private key. Make another pair, and send its public half alone")
        return said

    @model_validator(mode="after")
    def _is_a_key(self) -> Self:
        check_key(self.model_dump(exclude_none=True))
        return self


class Jwks(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: list[PublicKey] = Field(max_length=10, examples=[[KEY]])


class ClientCreate(BaseModel):
    """An app has addresses to which its users are sent back, a machine has keys and the roles of a user of its own."""

    model_config = ConfigDict(extra="forbid")

    kind: ClientKind = Field(examples=["app"])
    name: ClientName = Field(description="What its users are told it is called.", examples=["Pocket Calendar"])
    scopes: set[Scope] = Field(min_length=1, examples=[["appointments:read", "profile"]])
    redirect_uris: list[RedirectUri] = Field([], max_length=10, examples=[["https://app.example.org/callback"]])
    jwks: Jwks | None = None
    roles: set[MachineRole] = set()

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        _check_kind(self.kind, self.redirect_uris, self.jwks)
        if bool(self.roles) != (self.kind is ClientKind.MACHINE):
            raise ValueError("roles are what a machine has, and an app has not")
        return self

    def new(self) -> NewClient:
        return NewClient(self.kind, self.name, scope_of(self.scopes), self.redirect_uris, keys_of(self.jwks),
                         self.roles)  # fmt: skip


class ClientUpdate(BaseModel):
    """Fields left out stay as they are. Whatever is changed but the name ends the client's sessions."""

    model_config = ConfigDict(extra="forbid")

    name: ClientName = Field("", examples=["Pocket Calendar"])
    scopes: set[Scope] = Field(set(), min_length=1, examples=[["profile"]])
    redirect_uris: list[RedirectUri] = Field([], min_length=1, max_length=10)
    jwks: Jwks | None = None
    is_active: bool = True

    def changes(self) -> dict[str, Any]:
        """By the names of the columns."""
        said = self.model_dump(include=self.model_fields_set & {"name", "redirect_uris", "is_active"})
        if "scopes" in self.model_fields_set:
            said["scope"] = scope_of(self.scopes)
        if "jwks" in self.model_fields_set:
            said["keys"] = keys_of(self.jwks)
        return said


class ClientRead(BaseModel):
    """`id` is what the client calls itself by, `user_id` whom a machine is."""

    id: UUID
    kind: ClientKind
    name: str
    scopes: list[str]
    redirect_uris: list[str]
    jwks: dict[str, Any]
    user_id: UUID | None
    is_active: bool
    created_at: datetime

    @classmethod
    def of(cls, client: OAuthClient) -> Self:
        return cls(id=client.id, kind=ClientKind(client.kind), name=client.name, scopes=client.scope.split(),
                   redirect_uris=client.redirect_uris, jwks={"keys": client.keys}, user_id=client.user_id,
                   is_active=client.is_active, created_at=client.created_at)  # fmt: skip


def scope_of(scopes: set[Scope]) -> str:
    return " ".join(sorted(scopes))


def keys_of(jwks: Jwks | None) -> list[dict[str, Any]]:
    return [key.model_dump(exclude_none=True) for key in jwks.keys] if jwks else []


def _check_kind(kind: str, redirect_uris: list[str], jwks: Jwks | None) -> None:
    is_app = kind == ClientKind.APP
    if bool(redirect_uris) != is_app:
        raise ValueError("redirect_uris are what an app has, and a machine has not")
    if bool(jwks and jwks.keys) == is_app:
        raise ValueError("jwks is what a machine has, and an app has not")
