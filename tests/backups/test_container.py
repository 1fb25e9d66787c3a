"""A backup's file is read as it was written, or not at all."""

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from appointed.backups import BackupRefused, container
from appointed.backups.container import Header, Reader, Writer
from appointed.core.crypto import KEY_ID_BYTES, Vault
from tests.support.clock import MONDAY

VAULT = Vault.of(b"k" * 32)
OTHER = Vault.of(b"o" * 32)
LINES: list[Any] = [
    {"table": "patients", "columns": ["id", "name"]},
    *([number, f"é 🩺 {Random(number).randbytes(20).hex()}"] for number in range(300)),
    {"table": "doctors", "columns": ["id"]},
    [1],
    {"heads": "line\n"},
]
ROWS = Counter({"patients": 300, "doctors": 1})


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return written(tmp_path / "backup", VAULT)


def written(path: Path, vault: Vault, rows: Counter[str] = ROWS) -> Path:
    with path.open("wb") as file:
        writer = Writer(file, vault, Header.of(vault, "0001", MONDAY), chunk_bytes=1_000)
        for line in LINES:
            writer.write(line)
        writer.finish(rows)
    return path


def chunks_of(path: Path) -> tuple[bytes, list[bytes]]:
    """The header, and every chunk with its length."""
    with path.open("rb") as file:
        head = file.readline() + file.readline()
        chunks = []
        while length := file.read(4):
            chunks.append(length + file.read(int.from_bytes(length)))
    return head, chunks


def test_what_was_written_is_read(backup: Path) -> None:
    with backup.open("rb") as file:
        reader = Reader(file, VAULT)
        assert list(reader.lines()) == LINES
    header, summary = container.inspect(backup, VAULT)
    assert (header.schema, header.taken_at, header.key_id) == ("0001", MONDAY.isoformat(), VAULT.key_id.hex())
    assert summary.rows == ROWS
    assert len(chunks_of(backup)[1]) > 5


def test_nothing_of_what_is_in_it_shows(backup: Path) -> None:
    content = backup.read_bytes()
    assert b"patients" not in content
    assert b"doctors" not in content


def test_an_older_key_reads_what_it_wrote(backup: Path) -> None:
    assert container.inspect(backup, Vault.of(b"n" * 32, b"k" * 32))[1].rows == ROWS


def test_without_its_key_it_says_which_one_is_needed(backup: Path) -> None:
    with pytest.raises(BackupRefused, match=f"data key {VAULT.key_id.hex()}, which is not at hand.*OLD_DATA_KEYS"):
        container.inspect(backup, OTHER)


def test_another_key_under_its_id_reads_nothing(backup: Path) -> None:
    head, chunks = chunks_of(backup)
    forged = head.replace(VAULT.key_id.hex().encode(), OTHER.key_id.hex().encode())
    backup.write_bytes(forged + b"".join(chunks))
    with pytest.raises(BackupRefused, match="altered, or made with another key"):
        container.inspect(backup, OTHER)
    assert len(VAULT.key_id) == KEY_ID_BYTES


def test_one_that_was_cut_off_anywhere_is_refused(backup: Path) -> None:
    content = backup.read_bytes()
    head, chunks = chunks_of(backup)
    ends = [len(head) + sum(map(len, chunks[:number])) for number in range(len(chunks))]
    for end in [*ends, *range(0, len(content), 97), len(content) - 1]:
        backup.write_bytes(content[:end])
        with pytest.raises(BackupRefused, match=r"not whole|no backup"):
            container.inspect(backup, VAULT)


def test_a_changed_byte_anywhere_is_found(backup: Path) -> None:
    content = backup.read_bytes()
    for place in range(0, len(content), 13):
        altered = bytearray(content)
        altered[place] ^= 1
        backup.write_bytes(altered)
        with pytest.raises(BackupRefused):
            container.inspect(backup, VAULT)


def test_chunks_left_out_repeated_swapped_or_put_behind_the_end_are_found(backup: Path, tmp_path: Path) -> None:
    head, chunks = chunks_of(backup)
    _, others = chunks_of(written(tmp_path / "another", VAULT))
    for forged in (
        chunks[:2] + chunks[3:],
        [*chunks[:2], chunks[1], *chunks[2:]],
        [chunks[1], chunks[0], *chunks[2:]],
        [others[0], *chunks[1:]],
        [*chunks, chunks[-1]],
        [*chunks, b"more"],
    ):
        backup.write_bytes(head + b"".join(forged))
        with pytest.raises(BackupRefused):
            container.inspect(backup, VAULT)


def test_a_header_that_was_altered_is_found(backup: Path) -> None:
    head, chunks = chunks_of(backup)
    said = json.loads(head.splitlines()[1])
    for changed in (said | {"schema": "0002"}, said | {"taken_at": "2020-01-01T00:00:00+00:00"}):
        text = json.dumps(changed, separators=(",", ":")).encode()
        backup.write_bytes(container.MAGIC + text + b"\n" + b"".join(chunks))
        with pytest.raises(BackupRefused, match="altered"):
            container.inspect(backup, VAULT)


def test_rows_that_were_not_written_are_missed(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="not as many rows"):
        container.inspect(written(tmp_path / "backup", VAULT, ROWS + Counter(doctors=1)), VAULT)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"appointed backup 1\n", b"appointed backup 1\n{}\n",
                                     b'appointed backup 1\n{"schema":1,"taken_at":1,"key_id":1,"salt":1}\n',
                                     b"appointed backup 2\n{}\n"])  # fmt: skip
def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BackupRefused, match="no backup that this version can read"):
        container.inspect(tmp_path / "file", VAULT)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="cannot be read: No such file"):
        container.inspect(tmp_path / "nowhere", VAULT)
