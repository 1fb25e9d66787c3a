"""How sealed rows hang together: each seal is an HMAC over the one before. A signed head says how far they go. Pure."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from appointed.core.crypto import Vault
from appointed.core.ids import made_at

START = bytes(32)
"""What the first seal hangs on."""


class Link(NamedTuple):
    """A seal: the row that it is about, by its place in the trail, which begins with 1."""

    seq: int
    event_id: UUID
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The last seal at some time, signed, to be kept outside the database."""

    seq: int
    hash: bytes
    at: datetime
    signature: bytes

    @classmethod
    def of(cls, vault: Vault, seq: int, hash_: bytes, at: datetime) -> "Head":
        return cls(seq, hash_, at, vault.sign(_said(seq, hash_, at)))

    def is_genuine(self, vault: Vault) -> bool:
        return vault.has_signed(_said(self.seq, self.hash, self.at), self.signature, self.at)

    def line(self) -> str:
        said = {"seq": self.seq, "hash": self.hash.hex(), "at": self.at.isoformat(), "signature": self.signature.hex()}
        return json.dumps(said, separators=(",", ":")) + "\n"

    @classmethod
    def read(cls, line: str) -> "Head":
        """`ValueError` of a line that is none."""
        try:
            said = json.loads(line)
            return cls(int(said["seq"]), bytes.fromhex(said["hash"]), datetime.fromisoformat(said["at"]),
                       bytes.fromhex(said["signature"]))  # fmt: skip
        except (KeyError, TypeError) as error:
            raise ValueError(f"no head: {error}") from None


def link(vault: Vault, seq: int, before: bytes, event_id: UUID, signature: bytes) -> bytes:
    """The hash of a seal, 32 bytes."""
    return vault.sign(_linked(seq, before, event_id, signature))


def hangs(vault: Vault, seal: Link, before: bytes, signature: bytes) -> bool:
    """Whether the seal is one by a key of ours, and hangs on the one before it."""
    said = _linked(seal.seq, before, seal.event_id, signature)
    return vault.has_signed(said, seal.hash, made_at(seal.event_id))


def links(vault: Vault, last: Link | None, rows: Iterable[tuple[UUID, bytes]]) -> Iterator[Link]:
    """The seals that follow `last`, one for each row and its signature."""
    seq, before = (last.seq, last.hash) if last else (0, START)
    for event_id, signature in rows:
        seq += 1
        before = link(vault, seq, before, event_id, signature)
        yield Link(seq, event_id, before)


def _linked(seq: int, before: bytes, event_id: UUID, signature: bytes) -> bytes:
    return b"seal\0" + seq.to_bytes(8) + before + event_id.bytes + signature


def _said(seq: int, hash_: bytes, at: datetime) -> bytes:
    return b"head\0" + seq.to_bytes(8) + hash_ + at.isoformat().encode()
