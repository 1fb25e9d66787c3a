"""Sealed fields and blind indexes. The key is `DATA_KEY`; losing it loses the data."""

import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
KEY_ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class Vault:
    """Keys derived from the data key, one a purpose (HKDF-SHA-256, RFC 5869)."""

    key_id: bytes
    _cipher: AESGCM
    _index_key: bytes
    _trail_key: bytes

    @classmethod
    def of(cls, data_key: bytes) -> "Vault":
        return cls(sha256(data_key).digest()[:KEY_ID_BYTES], AESGCM(_derived(data_key, b"seal")),
                   _derived(data_key, b"index"), _derived(data_key, b"trail"))  # fmt: skip

    def seal(self, table: str, column: str, row_id: UUID, text: str) -> bytes:
        """Key id, nonce and AES-256-GCM ciphertext; bound to its place, so that it cannot be moved to another row."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return self.key_id + nonce + self._cipher.encrypt(nonce, text.encode(), _place(table, column, row_id))

    def open(self, table: str, column: str, row_id: UUID, sealed: bytes) -> str:
        """The text; `cryptography.exceptions.InvalidTag` if it was altered, moved or sealed by another key."""
        nonce, body = sealed[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES], sealed[KEY_ID_BYTES + NONCE_BYTES :]
        if len(nonce) < NONCE_BYTES:
            raise InvalidTag
        return self._cipher.decrypt(nonce, body, _place(table, column, row_id)).decode()

    def seal_maybe(self, table: str, column: str, row_id: UUID, text: str | None) -> bytes | None:
        return None if text is None else self.seal(table, column, row_id, text)

    def open_maybe(self, table: str, column: str, row_id: UUID, sealed: bytes | None) -> str | None:
        return None if sealed is None else self.open(table, column, row_id, sealed)

    def blind(self, purpose: str, text: str) -> bytes:
        """A keyed hash for exact look-ups of a sealed field, 32 bytes; equal texts of one purpose have equal hashes."""
        folded = unicodedata.normalize("NFKC", text).casefold()
        return hmac.digest(self._index_key, f"{purpose}\0{folded}".encode(), sha256)

    def sign(self, message: bytes) -> bytes:
        """The HMAC-SHA-256 that an audit row carries, 32 bytes."""
        return hmac.digest(self._trail_key, message, sha256)


def _place(table: str, column: str, row_id: UUID) -> bytes:
    return f"{table}:{column}:{row_id}".encode()


def _derived(data_key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, b"appointed:" + purpose).derive(data_key)
