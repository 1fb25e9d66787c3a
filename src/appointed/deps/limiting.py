"""How often one account may ask for what a route alone can tell; what its path tells, the layer around it counts."""

from base64 import b64encode
from hashlib import blake2b
from uuid import UUID

from appointed.core.errors import TooManyRequests

from .state import State


def hashed(state: State, text: str) -> str:
    """Addresses are nobody's business in Redis; with a key, since there are few enough of them to try them all."""
    secret = state.settings.secret_key.get_secret_value().encode()[:64]
    return b64encode(blake2b(text.encode(), key=secret, digest_size=15, person=b"limits").digest(), b"-_").decode()


async def check_limit(state: State, kind: str, user_id: UUID) -> None:
    """Count one more of this kind; `TooManyRequests` if it is one too many."""
    wait = await state.limiter.hit(state.settings.limits[kind], f"{kind}/{hashed(state, str(user_id))}")
    if wait:
        raise TooManyRequests(wait)
