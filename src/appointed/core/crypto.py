"""Sealed fields, blind indexes and signatures. The key is `DATA_KEY`, and older ones open what they sealed; losing them
loses the data."""

import hmac
import secrets
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
KEY_ID_BYTES = 4


class UnknownKey(InvalidTag):
    """Sealed by a key that is not at hand."""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """What one data key is made into, a key for each purpose (HKDF-SHA-256, RFC 5869). None tells of another."""

    id: bytes
    cipher: AESGCM
    index_key: bytes
    trail_key: bytes
    backup_key: bytes

    @classmethod
    def of(cls, data_key: bytes) -> "Key":
        return cls(key_id_of(data_key), AESGCM(_derived(data_key, b"seal")),
                   *(_derived(data_key, purpose) for purpose in (b"index", b"trail", b"backup")))  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class RetiredKey:
    """What verifies what a key signed until it was retired, and can do nothing else."""

    trail_key: bytes
    until: datetime


@dataclass(frozen=True, slots=True, repr=False)
class Vault:
    """The current key, which seals, indexes and signs, and older ones, which open, find and verify what they made."""

    current: Key
    older: tuple[Key, ...] = ()
    retired: tuple[RetiredKey, ...] = ()

    @classmethod
    def of(cls, data_key: bytes, *older: bytes) -> "Vault":
        # Whoever turns a key over may well name the current one among the older ones too.
        return cls(Key.of(data_key), tuple(Key.of(each) for each in dict.fromkeys(older) if each != data_key))

    @property
    def key_id(self) -> bytes:
        return self.current.id

    @property
    def key_ids(self) -> frozenset[bytes]:
        """Of every key at hand."""
        return frozenset(key.id for key in self._keys())

    def is_current(self, sealed: bytes) -> bool:
        return sealed[:KEY_ID_BYTES] == self.current.id

    def seal(self, table: str, column: str, row_id: UUID, text: str) -> bytes:
        """Key id, nonce and AES-256-GCM ciphertext; bound to its place, so that it cannot be moved to another row."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return self.key_id + nonce + self.current.cipher.encrypt(nonce, text.encode(), _place(table, column, row_id))

    def open(self, table: str, column: str, row_id: UUID, sealed: bytes) -> str:
        """The text; `cryptography.exceptions.InvalidTag` if it was altered, moved or sealed by a key not at hand."""
        nonce, body = sealed[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES], sealed[KEY_ID_BYTES + NONCE_BYTES :]
        if len(nonce) < NONCE_BYTES:
            raise InvalidTag
        return self.key_of(sealed).cipher.decrypt(nonce, body, _place(table, column, row_id)).decode()

    def seal_maybe(self, table: str, column: str, row_id: UUID, text: str | None) -> bytes | None:
        return None if text is None else self.seal(table, column, row_id, text)

    def open_maybe(self, table: str, column: str, row_id: UUID, sealed: bytes | None) -> str | None:
        return None if sealed is None else self.open(table, column, row_id, sealed)

    def key_of(self, sealed: bytes) -> Key:
        """The key that is named in front."""
        for key in self._keys():
            if sealed[:KEY_ID_BYTES] == key.id:
                return key
        raise UnknownKey

    def blind(self, purpose: str, text: str) -> bytes:
        """A keyed hash for exact look-ups of a sealed field, 32 bytes; equal texts of one purpose have equal hashes."""
        return blind_by(self.current, purpose, text)

    def blinds(self, purpose: str, text: str) -> list[bytes]:
        """What to look for: until all is sealed anew, a row may still have its hash by an older key."""
        return [blind_by(key, purpose, text) for key in self._keys()]

    def sign(self, message: bytes) -> bytes:
        """The HMAC-SHA-256 that an audit row carries, 32 bytes."""
        return hmac.digest(self.current.trail_key, message, sha256)

    def has_signed(self, message: bytes, signature: bytes, at: datetime) -> bool:
        """Whether it is by the current key, or by an older one: what is in the trail is never signed again. Of a
        retired key only what it signed (`at`) before it was: it may be retired because somebody else has it."""
        if hmac.compare_digest(signature, self.sign(message)):
            return True
        ended = {key.trail_key: key.until for key in self.retired}
        valid = [key.trail_key for key in self.older if key.trail_key not in ended]
        valid += [key for key, until in ended.items() if at <= until]
        return any(hmac.compare_digest(signature, hmac.digest(key, message, sha256)) for key in valid)

    def trusting(self, retired: Iterable[RetiredKey]) -> "Vault":
        """With keys that verify what they signed until they were retired."""
        return replace(self, retired=tuple(retired))

    def backup_cipher(self, key_id: bytes, salt: bytes) -> AESGCM:
        """The cipher of one backup, which has a salt of its own; `UnknownKey` if its key is not at hand."""
        return AESGCM(_derived(self.key_of(key_id).backup_key, b"backup file", salt))

    def _keys(self) -> Iterator[Key]:
        yield self.current
        yield from self.older


def key_id_of(data_key: bytes) -> bytes:
    return sha256(data_key).digest()[:KEY_ID_BYTES]


def blind_by(key: Key, purpose: str, text: str) -> bytes:
    """The hash of a blind index by this key."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return hmac.digest(key.index_key, f"{purpose}\0{folded}".encode(), sha256)


def _place(table: str, column: str, row_id: UUID) -> bytes:
    return f"{table}:{column}:{row_id}".encode()


def _derived(key: bytes, purpose: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(SHA256(), 32, salt, b"appointed:" + purpose).derive(key)
