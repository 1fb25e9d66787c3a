"""What can go wrong between an app, or a machine, and us. The codes are those of RFC 6749."""

from typing import ClassVar

from appointed.core.errors import AppError, Kind


class OAuthError(AppError):
    """RFC 6749 section 5.2. Beside what every refusal of ours says it says `error`, by which clients tell it."""

    code: ClassVar[str] = "invalid_request"
    kind: ClassVar[Kind] = Kind.MALFORMED
    detail = "The request lacks something, has something twice, or is malformed."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, extra={"error": self.code, "error_description": detail or self.detail})


class InvalidRequest(OAuthError):
    """Something is missing or malformed."""


class InvalidClient(OAuthError):
    """The same for an unknown client, a deactivated one, and one that did not prove who it is."""

    code = "invalid_client"
    kind = Kind.UNAUTHENTICATED
    detail = "There is no such client, or it did not prove who it is."


class InvalidGrant(OAuthError):
    code = "invalid_grant"
    detail = "The code or the refresh token is not valid, has expired, was used, or was given to another client."


class InvalidScope(OAuthError):
    code = "invalid_scope"
    detail = "One of the scopes is unknown, or is not for this client."


class UnsupportedGrantType(OAuthError):
    code = "unsupported_grant_type"
    detail = "Use authorization_code, refresh_token or client_credentials."


class UnknownApp(AppError):
    """Told to whoever stands before the browser, and never by a redirect: there is nobody to redirect them to."""

    code = "unknown_app"
    kind = Kind.MALFORMED
    detail = "There is no such app, or this is not where its users are sent back to."
