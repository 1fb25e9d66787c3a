"""`/.well-known/…`: what clients and other services find out about us by themselves."""

from fastapi import APIRouter

from appointed.accounts.scopes import Scope
from appointed.core.signing import TokenAlgorithm
from appointed.deps import RetryingRoute, SettingsDep, StateDep, refusals

from .schemas import JwksRead, MetadataRead

router = APIRouter(prefix="/.well-known", tags=["apps and machines"], route_class=RetryingRoute)
# There only where a key is public: an HMAC's is not.
jwks = APIRouter(prefix="/.well-known", tags=["apps and machines"], route_class=RetryingRoute)


@router.get("/oauth-authorization-server", response_model_exclude_none=True, responses=refusals())
async def read_metadata(settings: SettingsDep) -> MetadataRead:
    """Where and how apps and machines get tokens (RFC 8414)."""
    issuer = settings.issuer
    has_keys = settings.token_algorithm is not TokenAlgorithm.HS256
    return MetadataRead(
        issuer=issuer, authorization_endpoint=f"{issuer}/auth/authorize", token_endpoint=f"{issuer}/auth/token",
        revocation_endpoint=f"{issuer}/auth/revoke", scopes_supported=sorted(Scope),
        jwks_uri=f"{issuer}/.well-known/jwks.json" if has_keys else None,
    )  # fmt: skip


@jwks.get("/jwks.json", responses=refusals())
async def read_keys(state: StateDep) -> JwksRead:
    """The public keys that verify access tokens, older ones too (RFC 7517)."""
    return JwksRead.model_validate(state.tokens.keys.jwks)
