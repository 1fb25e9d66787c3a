"""Column types that behave alike on PostgreSQL, MySQL, MariaDB and SQLite."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BINARY, BindParameter, DateTime, Dialect, LargeBinary, String, Uuid, bindparam
from sqlalchemy.dialects.mysql import DATETIME, MEDIUMBLOB
from sqlalchemy.types import TypeDecorator, TypeEngine

MYSQL_NAMES = frozenset({"mysql", "mariadb"})


class Guid(TypeDecorator[UUID]):
    """A UUID: native on PostgreSQL, 16 bytes elsewhere (MariaDB's own `uuid` is unknown to MySQL)."""

    impl = BINARY
    cache_ok = True
    python_type = UUID

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        # SQLite reads a type that it does not know, like BINARY, as a number.
        by_name: dict[str, TypeEngine[Any]] = {"postgresql": Uuid(as_uuid=True), "sqlite": LargeBinary(16)}
        return dialect.type_descriptor(by_name.get(dialect.name, BINARY(16)))

    # On PostgreSQL there is nothing to convert, so nothing is called for each value.
    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return None if dialect.name == "postgresql" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        return None if dialect.name == "postgresql" else super().result_processor(dialect, coltype)

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else value.bytes

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else UUID(bytes=bytes(value))


def ids_of(name: str) -> BindParameter[Any]:
    """Any number of ids, as a parameter of a statement that is put together once: `.in_(ids_of("doctors"))`."""
    return bindparam(name, type_=Guid(), expanding=True)


class Instant(TypeDecorator[datetime]):
    """An instant with microseconds: aware UTC in Python, `timestamptz` on PostgreSQL, naive UTC elsewhere."""

    impl = DateTime
    cache_ok = True
    python_type = datetime

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in MYSQL_NAMES:
            return dialect.type_descriptor(DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class MachineString(TypeDecorator[str]):
    """Keys, codes and normalised e-mail: compared byte by byte. Never stored with trailing spaces, which MySQL pads."""

    impl = String
    cache_ok = True
    python_type = str

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        collation = {"postgresql": "C", "sqlite": "BINARY"}.get(dialect.name, "utf8mb4_bin")
        return dialect.type_descriptor(String(self.length, collation=collation))


class HumanString(TypeDecorator[str]):
    """What people wrote and read, sorted as people sort."""

    impl = String
    cache_ok = True
    python_type = str

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        collation = "utf8mb4_unicode_ci" if dialect.name in MYSQL_NAMES else None
        return dialect.type_descriptor(String(self.length, collation=collation))


class Digest(TypeDecorator[bytes]):
    """A SHA-256 hash or HMAC, 32 bytes."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(BINARY(32) if dialect.name in MYSQL_NAMES else LargeBinary(32))


class SealedBytes(TypeDecorator[bytes]):
    """Text sealed by `core.crypto`."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(MEDIUMBLOB() if dialect.name in MYSQL_NAMES else LargeBinary())
