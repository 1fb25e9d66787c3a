"""What can be set from outside: the environment, or a `.env` file in the working folder."""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

from limits import RateLimitItem
from limits import parse as parse_limit
from pydantic import EmailStr, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from .crypto import Vault
from .keeping import decoded, kept_secret, said_by, text_in, token_keys
from .signing import SigningKey, SigningKeys, TokenAlgorithm, hmac_key, keys_in, new_pem

GMAIL_DOMAINS = frozenset({"gmail.com", "googlemail.com"})
KEY_BYTES = 32
DRIVERS = {"postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg", "mysql": "mysql+asyncmy",
           "mariadb": "mysql+asyncmy", "mariadb+asyncmy": "mysql+asyncmy", "sqlite": "sqlite+aiosqlite"}  # fmt: skip

# RFC 6454 section 6.1, as browsers write it: lower case, no path, no slash at the end.
ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:\d{1,5})?|https?://\[[0-9a-f:.]+\](:\d{1,5})?")
Networks = tuple[IPv4Network | IPv6Network, ...]


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class ProxyHeader(StrEnum):
    """In which header a trusted proxy says who is calling."""

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"


class SecondFactor(StrEnum):
    """Who has to log in with more than a password."""

    OFF = "off"
    STAFF = "staff"
    ALL = "all"


class RecordSharing(StrEnum):
    """Which doctors read a record beside those who treat the patient: none, or those of the place of the visit."""

    CARE_TEAM = "care_team"
    LOCATION = "location"


class Settings(BaseSettings):
    """Every setting; `.env.example` explains each in a line."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True,
                                      hide_input_in_errors=True)  # fmt: skip

    environment: Environment = Environment.DEVELOPMENT
    clinic_name: str = Field("Appointed Clinic", max_length=100)
    clinic_timezone: str = "UTC"
    public_url: str = "http://127.0.0.1:8000"
    api_docs: bool = True
    metrics_token: SecretStr | None = Field(None, min_length=16)
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
    data_key_command: str | None = None
    old_data_keys: SecretStr = SecretStr("")
    old_data_keys_file: Path | None = None
    old_secret_keys: SecretStr = SecretStr("")
    token_algorithm: TokenAlgorithm = TokenAlgorithm.HS256
    token_key_file: Path | None = None
    old_token_keys_file: Path | None = None
    access_token_minutes: int = Field(15, ge=1, le=24 * 60)
    refresh_token_days: int = Field(30, ge=1, le=365)
    require_verified_email: bool = False
    require_second_factor: SecondFactor = SecondFactor.OFF
    session_idle_minutes: int | None = Field(None, ge=1)
    page_idle_minutes: int = Field(30, ge=2, le=24 * 60)
    page_session_hours: int = Field(12, ge=1, le=30 * 24)
    bcrypt_cost: int = Field(12, ge=4, le=16)
    admin_email: EmailStr | None = None
    admin_password: SecretStr | None = None

    email_address: EmailStr | None = None
    email_password: SecretStr | None = None
    smtp_host: str | None = None
    smtp_port: int = Field(465, ge=1, le=65535)

    care_relation_days: int = Field(365, ge=0)
    record_sharing: RecordSharing = RecordSharing.CARE_TEAM
    record_retention_years: int = Field(10, ge=0, le=100)
    age_of_majority: int = Field(18, ge=0, le=30)
    minors_private_from_age: int | None = Field(None, ge=0, le=30)
    hold_minutes: int = Field(5, ge=1, le=60)
    max_holds: int = Field(3, ge=1)
    max_upcoming: int = Field(20, ge=1)
    undo_minutes: int = Field(10, ge=0)
    emergency_minutes: int = Field(60, ge=1, le=24 * 60)
    emergency_notice: bool = True
    emergency_notice_hours: int = Field(0, ge=0, le=90 * 24)
    auto_no_show_minutes: int | None = Field(None, ge=0)
    max_body_bytes: int = Field(1_000_000, ge=1_000)
    request_seconds: float = Field(30, gt=0, le=600)
    rate_limit: str = "1200/minute"
    rate_limit_login: str = "60/minute"
    rate_limit_refresh: str = "120/minute"
    rate_limit_password: str = "30/minute"  # noqa: S105 - how often one may be tried
    rate_limit_registration: str = "60/hour"
    hsts_subdomains: bool = False
    cors_origins: str | None = None
    trusted_proxies: str | None = None
    proxy_header: ProxyHeader = ProxyHeader.X_FORWARDED_FOR

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

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, names: str | None) -> str | None:
        for name in _listed(names):
            if not ORIGIN.fullmatch(name):
                raise ValueError(f"{name!r} is no origin; write for example https://booking.example.org")
        return names

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, names: str | None) -> str | None:
        for name in _listed(names):
            try:
                ip_network(name)
            except ValueError:
                raise ValueError(f"{name!r} is no network; write for example 10.0.0.0/8") from None
        return names

    @field_validator(
        "rate_limit", "rate_limit_login", "rate_limit_refresh", "rate_limit_password", "rate_limit_registration"
    )
    @classmethod
    def _is_a_limit(cls, text: str) -> str:
        try:
            limit = parse_limit(text)
        except ValueError:
            raise ValueError(f"{text!r} is no limit; write for example 60/minute") from None
        if limit.amount < 1:
            raise ValueError("lets nobody in; write for example 60/minute")
        return text

    @model_validator(mode="after")
    def _has_private_minors(self) -> Self:
        if self.minors_private_from_age is not None and self.minors_private_from_age >= self.age_of_majority:
            raise ValueError("MINORS_PRIVATE_FROM_AGE must be less than AGE_OF_MAJORITY: adults are private anyway")
        return self

    @model_validator(mode="after")
    def _has_secrets(self) -> Self:
        """Development makes its own secrets once; production must be given them."""
        if self.environment is Environment.PRODUCTION:
            _check_production(self)
        else:
            for name in ("secret_key", "data_key"):
                is_elsewhere = name == "data_key" and (self.data_key_file or self.data_key_command)
                if not getattr(self, name).get_secret_value() and not is_elsewhere:
                    object.__setattr__(self, name, SecretStr(kept_secret(self.var_dir / name)))
        if len(self.data_key_bytes) != KEY_BYTES:
            raise ValueError("DATA_KEY must be 32 bytes in base64; make one with: openssl rand -base64 32")
        if any(len(key) != KEY_BYTES for key in self.old_data_keys_bytes):
            raise ValueError("OLD_DATA_KEYS must be keys of 32 bytes in base64, with spaces or commas between them")
        if len(self.secret_key.get_secret_value().encode()) < KEY_BYTES:
            raise ValueError("SECRET_KEY must have at least 32 bytes; make one with: openssl rand -base64 48")
        if self.session_idle_minutes and self.session_idle_minutes < self.access_token_minutes:
            raise ValueError(
                "SESSION_IDLE_MINUTES must not be less than ACCESS_TOKEN_MINUTES, when it is first looked at"
            )
        assert self.signing_keys  # noqa: S101 - that they can be read is found out now, not by the first login
        return self

    @cached_property
    def data_key_bytes(self) -> bytes:
        """The 32 bytes that seal fields. Losing them loses the data."""
        text = self.data_key.get_secret_value()
        if not text and self.data_key_file:
            text = text_in("DATA_KEY_FILE", self.data_key_file)
        elif not text and self.data_key_command:
            text = said_by(self.data_key_command)
        return decoded(text)

    @cached_property
    def old_data_keys_bytes(self) -> tuple[bytes, ...]:
        """The keys that sealed fields before."""
        text = self.old_data_keys.get_secret_value()
        if self.old_data_keys_file:
            text += f" {text_in('OLD_DATA_KEYS_FILE', self.old_data_keys_file)}"
        return tuple(map(decoded, text.replace(",", " ").split()))

    @cached_property
    def vault(self) -> Vault:
        """All the keys, ready to be used."""
        return Vault.of(self.data_key_bytes, *self.old_data_keys_bytes)

    @cached_property
    def signing_keys(self) -> SigningKeys:
        """The key that signs access tokens, and the older ones that still verify them."""
        older = [hmac_key(secret) for secret in self.old_secret_keys.get_secret_value().replace(",", " ").split()]
        if self.old_token_keys_file:
            older += token_keys("OLD_TOKEN_KEYS_FILE", self.old_token_keys_file)
        return SigningKeys.of(self._signing_key, older)

    @property
    def _signing_key(self) -> SigningKey:
        if self.token_algorithm is TokenAlgorithm.HS256:
            return hmac_key(self.secret_key.get_secret_value())
        if self.token_key_file:
            keys = token_keys("TOKEN_KEY_FILE", self.token_key_file)
        else:
            keys = keys_in(kept_secret(self.var_dir / "token_key.pem", new_pem))
        if len(keys) != 1 or not keys[0].signing:
            raise ValueError("TOKEN_KEY_FILE must hold one private key; make one with: appointed keys token FILE")
        return keys[0]

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

    @cached_property
    def limits(self) -> Mapping[str, RateLimitItem]:
        """How often somebody may ask, by what is asked."""
        kinds = {"general": self.rate_limit, "login": self.rate_limit_login, "refresh": self.rate_limit_refresh,
                 "password": self.rate_limit_password, "registration": self.rate_limit_registration}  # fmt: skip
        return {kind: parse_limit(text) for kind, text in kinds.items()}

    @cached_property
    def allowed_origins(self) -> frozenset[str]:
        """The hosts whose pages may use the API from a browser."""
        return frozenset(_listed(self.cors_origins))

    @cached_property
    def proxy_networks(self) -> Networks:
        """Where the proxies are whose word on who is calling counts."""
        return tuple(ip_network(name) for name in _listed(self.trusted_proxies))

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
    def issuer(self) -> str:
        """Who issues tokens (RFC 8414 section 2); what others find of us lies below it."""
        return self.public_url.rstrip("/")

    @property
    def session_idle(self) -> timedelta | None:
        """How long a session may go without being refreshed."""
        return timedelta(minutes=self.session_idle_minutes) if self.session_idle_minutes else None

    @property
    def page_idle(self) -> timedelta:
        """How long a session of the pages may go without being used."""
        return timedelta(minutes=self.page_idle_minutes)

    @property
    def page_lasting(self) -> timedelta:
        """How long a session of the pages lasts, however often it is used."""
        return timedelta(hours=self.page_session_hours)

    @property
    def is_https(self) -> bool:
        """Whether people reach the app by HTTPS, as far as `PUBLIC_URL` says."""
        return self.public_url.lower().startswith("https://")

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.clinic_timezone)


def _listed(names: str | None) -> list[str]:
    """What stands between commas."""
    return [name.strip() for name in (names or "").split(",") if name.strip()]


def _check_production(settings: Settings) -> None:
    if not settings.secret_key.get_secret_value():
        raise ValueError("SECRET_KEY must be set in production")
    if not (settings.data_key.get_secret_value() or settings.data_key_file or settings.data_key_command):
        raise ValueError("DATA_KEY or DATA_KEY_FILE must be set in production; without it no sealed field can be read")
    if settings.token_algorithm is not TokenAlgorithm.HS256 and not settings.token_key_file:
        raise ValueError("TOKEN_KEY_FILE must be set in production; make one with: appointed keys token FILE")
    if settings.bcrypt_cost < 12:
        raise ValueError("BCRYPT_COST must be at least 12 in production")
