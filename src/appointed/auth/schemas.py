"""Logins on the wire."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from appointed.accounts.models import LoginSession
from appointed.accounts.passwords import Password, ShownPassword
from appointed.core.text import Code, Email, check_text


class LoginForm(BaseModel):
    """RFC 6749 section 4.3.2. What else clients send is ignored, as its section 3.2 asks."""

    grant_type: Literal["password"] = "password"
    username: Annotated[str, AfterValidator(check_text)] = Field(examples=["pat.sample@example.org"])
    password: SecretStr = Field(examples=["a long sentence is best"])


class TokenRead(BaseModel):
    """RFC 6749 section 5.1."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind of token, not one
    expires_in: int = Field(description="Seconds.", examples=[900])
    refresh_token: str


class RefreshCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    refresh_token: Code = Field(examples=["Zk3v0cX8mA1tQ5rW7yU9oP2sD4fG6hJ8kL0zX3cV5bN"])


class MeRead(BaseModel):
    id: UUID
    email: str
    display_name: str
    roles: list[str]
    is_email_verified: bool


class PasswordChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    current_password: ShownPassword = Field(examples=["a long sentence is best"])
    new_password: Password = Field(examples=["another sentence is better still"])


class ResetAsk(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email = Field(examples=["pat.sample@example.org"])


class ResetConfirm(BaseModel):
    """`code` is what stands behind the `#` of the link."""

    model_config = ConfigDict(extra="forbid")

    code: Code = Field(examples=["AZsvTnwacABwAAAAAAAABKzkX0l2v8dQW1u3Yt5m7Hs"])
    password: Password = Field(examples=["another sentence is better still"])


class Accepted(BaseModel):
    detail: str = "If somebody logs in with this address, a mail with a link is on its way."


class SessionRead(BaseModel):
    """A login on one device."""

    id: UUID
    device: str | None = Field(
        description="What the browser said of itself at the login.", examples=["Firefox on Windows"]
    )
    created_at: datetime
    last_used_at: datetime = Field(description="When it was last refreshed; some minutes of use may lie behind that.")
    expires_at: datetime
    is_current: bool = Field(description="The one that asks.")

    @classmethod
    def of(cls, login: LoginSession, *, is_current: bool) -> Self:
        return cls(id=login.id, device=login.device, created_at=login.created_at, is_current=is_current,
                   last_used_at=login.refreshed_at or login.created_at, expires_at=login.expires_at)  # fmt: skip


class EmailConfirm(BaseModel):
    """`code` is what stands behind the `#` of the link."""

    model_config = ConfigDict(extra="forbid")

    code: Code = Field(examples=["AZsvTnwacABwAAAAAAAABKzkX0l2v8dQW1u3Yt5m7Hs"])


class LinkSent(BaseModel):
    detail: str = "A mail with a link is on its way, unless the address is confirmed already or got several just now."
