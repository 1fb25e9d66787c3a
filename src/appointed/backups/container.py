"""The file of a backup: a header, compressed lines in numbered chunks of AES-256-GCM, and a last chunk that says how
much there was.

After the header's line come chunks, each a length of four bytes and a ciphertext. Its nonce is its number, with a mark
on the last one (the STREAM construction), and the header is associated data: a chunk that was altered, moved, left out
or cut off is found. The key is derived from the data key and a salt of the file's own.
"""

import hashlib
import json
import secrets
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appointed.core.crypto import UnknownKey, Vault
from appointed.core.errors import AppError

MAGIC = b"appointed backup 1\n"
CHUNK_BYTES = 1 << 20
MOST_CHUNK_BYTES = 1 << 26
MOST_HEADER_BYTES = 10_000
_LENGTH_BYTES = 4
_COUNTER_BYTES = 11
_SALT_BYTES = 32
Line = Mapping[str, Any] | list[Any]


class BackupRefused(AppError):
    code = "backup_refused"


@dataclass(frozen=True, slots=True)
class Header:
    """What can be read without a key: of which schema it is, when it was taken, and the id of its data key."""

    schema: str
    taken_at: str
    key_id: str
    salt: str

    @classmethod
    def of(cls, vault: Vault, schema: str, now: datetime) -> "Header":
        return cls(schema, now.isoformat(timespec="seconds"), vault.key_id.hex(), secrets.token_hex(_SALT_BYTES))

    def line(self) -> bytes:
        return MAGIC + json.dumps(asdict(self), separators=(",", ":")).encode() + b"\n"

    def cipher(self, vault: Vault) -> AESGCM:
        try:
            return vault.backup_cipher(bytes.fromhex(self.key_id), bytes.fromhex(self.salt))
        except UnknownKey:
            raise BackupRefused(f"The backup was made with the data key {self.key_id}, which is not at hand. "
                                "Name it in OLD_DATA_KEYS.") from None  # fmt: skip


@dataclass(slots=True)
class Summary:
    """How many rows of each table there are, and the SHA-256 of all lines."""

    rows: Counter[str] = field(default_factory=Counter)
    sha256: str = ""


class Writer:
    """Writes a backup's lines: `{"table": …, "columns": …}`, then that table's rows as lists."""

    def __init__(self, file: BinaryIO, vault: Vault, header: Header, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._file, self._cipher, self._associated = file, header.cipher(vault), header.line()
        self._chunk_bytes = chunk_bytes
        self._number, self._waiting = 0, bytearray()
        self._compress, self._hash = zlib.compressobj(), hashlib.sha256()
        file.write(self._associated)

    def write(self, line: Line) -> None:
        text = json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        self._hash.update(text)
        self._put_whole(self._compress.compress(text))

    def finish(self, rows: Counter[str]) -> Summary:
        self._put_whole(self._compress.flush())
        self._put(bytes(self._waiting))
        summary = Summary(rows, self._hash.hexdigest())
        self._put(json.dumps({"rows": summary.rows, "sha256": summary.sha256}).encode(), is_last=True)
        return summary

    def _put_whole(self, compressed: bytes) -> None:
        """As many chunks as are full."""
        self._waiting += compressed
        while len(self._waiting) >= self._chunk_bytes:
            self._put(bytes(self._waiting[: self._chunk_bytes]))
            del self._waiting[: self._chunk_bytes]

    def _put(self, content: bytes, *, is_last: bool = False) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number, is_last=is_last), content, self._associated)
        self._file.write(len(sealed).to_bytes(_LENGTH_BYTES) + sealed)
        self._number += 1


class Reader:
    """Reads a backup's lines, and refuses one that is not whole."""

    def __init__(self, file: BinaryIO, vault: Vault) -> None:
        self._file = file
        self.header = _header_in(file)
        self._cipher, self._associated = self.header.cipher(vault), self.header.line()
        self.summary = Summary()

    def lines(self) -> Iterator[Any]:
        """All of them; what was read counts only when the last chunk has come."""
        decompress, digest, rest, number = zlib.decompressobj(), hashlib.sha256(), b"", 0
        while (content := self._chunk(number)) is not None:
            text = decompress.decompress(content)
            digest.update(text)
            *whole, rest = (rest + text).split(b"\n")
            yield from map(json.loads, whole)
            number += 1
        if digest.hexdigest() != self.summary.sha256 or rest:
            raise BackupRefused("The backup is damaged: its lines are not those that were written.")

    def _chunk(self, number: int) -> bytes | None:
        """The next chunk's content; None after the last, which is kept as the summary."""
        sealed = self._sealed_chunk(number)
        try:
            return self._cipher.decrypt(_nonce(number, is_last=False), sealed, self._associated)
        except InvalidTag:
            pass
        try:
            last = json.loads(self._cipher.decrypt(_nonce(number, is_last=True), sealed, self._associated))
        except InvalidTag:
            raise BackupRefused(f"The backup was altered, or made with another key (chunk {number}).") from None
        if self._file.read(1):
            raise BackupRefused("The backup was altered: something follows its end.")
        self.summary = Summary(Counter(last["rows"]), last["sha256"])
        return None

    def _sealed_chunk(self, number: int) -> bytes:
        length = int.from_bytes(self._file.read(_LENGTH_BYTES).rjust(_LENGTH_BYTES, b"\xff"))
        sealed = self._file.read(length) if length <= MOST_CHUNK_BYTES else b""
        if len(sealed) != length:
            raise BackupRefused(f"The backup is not whole: it ends within chunk {number}.")
        return sealed


def inspect(path: Path, vault: Vault) -> tuple[Header, Summary]:
    """Read all of it; `BackupRefused` of what is none, is not whole, was altered or has another key."""
    with _opened(path) as file:
        reader = Reader(file, vault)
        counted: Counter[str] = Counter()
        table = ""
        for line in reader.lines():
            if isinstance(line, list):
                counted[table] += 1
            else:
                table = line.get("table", "")
        if counted != +reader.summary.rows:
            raise BackupRefused("The backup is damaged: it has not as many rows as were written.")
        return reader.header, reader.summary


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise BackupRefused(f"{path} cannot be read: {error.strerror}") from None


def lines_of(path: Path, vault: Vault) -> Iterator[Any]:
    """The lines of a backup that was inspected."""
    with _opened(path) as file:
        yield from Reader(file, vault).lines()


def _header_in(file: BinaryIO) -> Header:
    begins = file.read(len(MAGIC))
    try:
        header = Header(**json.loads(file.readline(MOST_HEADER_BYTES)))
        is_ours = begins == MAGIC and bool(bytes.fromhex(header.key_id) and bytes.fromhex(header.salt))
    except (ValueError, TypeError):
        is_ours = False
    if not is_ours:
        raise BackupRefused("This is no backup that this version can read.")
    return header


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(_COUNTER_BYTES) + bytes([is_last])
