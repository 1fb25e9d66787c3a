"""What can be set from outside: the environment, or a `.env` file in the working folder."""

import base64
import os
import secrets
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import EmailStr, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

GMAIL_DOMAINS = frozenset({"gmail.com", "googlemail.com"})
KEY_BYTES = 32
DRIVERS = {"postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg", "mysql": "mysql+asyncmy",
           "mariadb": "mysql+asyncmy", "mariadb+asyncmy": "mysql+asyncmy", "sqlite": "sqlite+aiosqlite"}  # fmt: skip


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """Every setting; `.env.example` explains each in a line."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True,
                                      hide_input_in_errors=True)  # fmt: skip

    environment: Environment = Environment.DEVELOPMENT
    clinic_name: str = Field("Appointed Clinic", max_length=100)
    clinic_timezone: str = "UTC"
    public_url: str = "http://127.0.0.1:8000"
    api_docs: bool = True
    var_dir: Path = Path("var")

    database_url: SecretStr | None = None
    database_pool_size: int = Field(10, ge=1, le=200)
    mysql_user: str | None = None
    mysql_password: SecretStr | None = None
    mysql_database: str | None = None
    mysql_host: str = "127.0.0.1"
    mysql_port: int = 3306
    redis_url: SecretStr | None = None

    secret_key: SecretStr = SecretStr("")
    data_key: SecretStr = SecretStr("")
    data_key_file: Path | None = None
    access_token_minutes: int = Field(15, ge=1, le=24 * 60)
    refresh_token_days: int = Field(30, ge=1, le=365)
    require_verified_email: bool = False
    session_idle_minutes: int | None = Field(None, ge=1)
    bcrypt_cost: int = Field(12, ge=4, le=16)
    admin_email: EmailStr | None = None
    admin_password: SecretStr | None = None

    email_address: EmailStr | None = None
    email_password: SecretStr | None = None
    smtp_host: str | None = None
    smtp_port: int = Field(465, ge=1, le=65535)

    care_relation_days: int = Field(365, ge=0)
    age_of_majority: int = Field(18, ge=0, le=30)
    hold_minutes: int = Field(5, ge=1, le=60)
    max_holds: int = Field(3, ge=1)
    max_upcoming: int = Field(20, ge=1)
    undo_minutes: int = Field(10, ge=0)
    auto_no_show_minutes: int | None = Field(None, ge=0)
    max_body_bytes: int = Field(1_000_000, ge=1_000)

    @field_validator("clinic_timezone")
    @classmethod
    def _is_iana(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"{name!r} is not an IANA time zone; write for example Europe/Berlin")
        return name

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, address: SecretStr | None) -> SecretStr | None:
        if address is None:
            return None
        try:
            url = make_url(address.get_secret_value())
        except (ArgumentError, ValueError):
            raise ValueError("is no address; write for example postgresql://user:password@host/name") from None
        name = url.drivername.partition("+")[0]
        if name not in DRIVERS:
            raise ValueError("must begin with postgresql, mysql, mariadb or sqlite")
        if name == "sqlite" and url.database in (None, "", ":memory:"):
            raise ValueError("must name a file, for example sqlite:///var/appointed.sqlite3")
        return address

    @model_validator(mode="after")
    def _has_secrets(self) -> Self:
        """Development makes its own secrets once; production must be given them."""
        if self.environment is Environment.PRODUCTION:
            _check_production(self)
        else:
            for name in ("secret_key", "data_key"):
                if not getattr(self, name).get_secret_value() and not (name == "data_key" and self.data_key_file):
                    object.__setattr__(self, name, SecretStr(_kept_secret(self.var_dir / name)))
        if len(self.data_key_bytes) != KEY_BYTES:
            raise ValueError("DATA_KEY must be 32 bytes in base64; make one with: openssl rand -base64 32")
        if len(self.secret_key.get_secret_value().encode()) < KEY_BYTES:
            raise ValueError("SECRET_KEY must have at least 32 bytes; make one with: openssl rand -base64 48")
        if self.session_idle_minutes and self.session_idle_minutes < self.access_token_minutes:
            raise ValueError(
                "SESSION_IDLE_MINUTES must not be less than ACCESS_TOKEN_MINUTES, when it is first looked at"
            )
        return self

    @cached_property
    def data_key_bytes(self) -> bytes:
        """The 32 bytes that seal fields. Losing them loses the data."""
        try:
            text = self.data_key.get_secret_value() or (self.data_key_file.read_text() if self.data_key_file else "")
        except OSError as error:
            raise ValueError(f"DATA_KEY_FILE cannot be read: {error}") from None
        try:
            return base64.b64decode(text.strip(), validate=True)
        except ValueError:
            return b""

    @cached_property
    def database(self) -> URL:
        """`DATABASE_URL`, else the `MYSQL_*` settings, else SQLite in `VAR_DIR`."""
        if self.database_url:
            url = make_url(self.database_url.get_secret_value())
            return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
        if self.mysql_user and self.mysql_database:
            password = self.mysql_password.get_secret_value() if self.mysql_password else None
            return URL.create("mysql+asyncmy", self.mysql_user, password, self.mysql_host, self.mysql_port,
                              self.mysql_database)  # fmt: skip
        return URL.create("sqlite+aiosqlite", database=str(self.var_dir / "appointed.sqlite3"))

    @property
    def smtp_server(self) -> str | None:
        """The server mails go through; None when they stay in the folder."""
        if not self.email_address or not (self.email_password or self.smtp_host):
            return None
        domain = self.email_address.rpartition("@")[2].lower()
        return self.smtp_host or ("smtp.gmail.com" if domain in GMAIL_DOMAINS else None)

    @property
    def missing_for_mail(self) -> str | None:
        """The setting that keeps mails in the folder although an address was given."""
        if not self.email_address or self.smtp_server:
            return None
        return "SMTP_HOST" if self.email_password else "EMAIL_PASSWORD"

    @property
    def session_idle(self) -> timedelta | None:
        """How long a session may go without being refreshed."""
        return timedelta(minutes=self.session_idle_minutes) if self.session_idle_minutes else None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.clinic_timezone)


def _check_production(settings: Settings) -> None:
    if not settings.secret_key.get_secret_value():
        raise ValueError("SECRET_KEY must be set in production")
    if not settings.data_key.get_secret_value() and not settings.data_key_file:
        raise ValueError("DATA_KEY or DATA_KEY_FILE must be set in production; without it no sealed field can be read")
    if settings.bcrypt_cost < 12:
        raise ValueError("BCRYPT_COST must be at least 12 in production")


def _kept_secret(path: Path) -> str:
    """The secret kept at `path`, made on first use; of two processes that start together, both read the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    if not path.exists():
        draft.touch(mode=0o600)
        draft.write_text(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
