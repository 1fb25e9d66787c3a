"""What can be set, what must be, and which setting wins."""

import asyncio
import base64
import re
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError
from typer.testing import CliRunner

from appointed.commands import keys_app
from appointed.core.crypto import key_id_of
from appointed.core.settings import Settings
from appointed.core.signing import hmac_key, keys_in, new_pem

SECRET_KEY = "s" * 32
DATA_KEY = base64.b64encode(b"d" * 32).decode()
SHORT_KEY = base64.b64encode(b"d" * 31).decode()
PRODUCTION = {"environment": "production", "secret_key": SECRET_KEY, "data_key": DATA_KEY}
MYSQL = {"mysql_user": "clinic", "mysql_password": "p@ss:w/rd#%", "mysql_database": "visits"}


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **{"secret_key": SECRET_KEY, "data_key": DATA_KEY} | given)


def production(**changes: Any) -> Settings:
    """Production as it should be, but for the changes; a setting of None is left out."""
    given = PRODUCTION | changes
    return Settings(_env_file=None, **{name: value for name, value in given.items() if value is not None})


# --- secrets in production -------------------------------------------------------------------------------------------


def test_production_starts_with_its_secrets(tmp_path: Path) -> None:
    kept = production(var_dir=tmp_path)
    assert kept.data_key_bytes == b"d" * 32
    assert list(tmp_path.iterdir()) == [], "production writes no secret"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"secret_key": None}, "SECRET_KEY must be set"),
        ({"secret_key": ""}, "SECRET_KEY must be set"),
        ({"secret_key": "s" * 31}, "SECRET_KEY must have at least 32 bytes"),
        ({"data_key": None}, "DATA_KEY or DATA_KEY_FILE must be set"),
        ({"data_key": ""}, "DATA_KEY or DATA_KEY_FILE must be set"),
        ({"data_key": SHORT_KEY}, "DATA_KEY must be 32 bytes"),
        ({"data_key": "d" * 32}, "DATA_KEY must be 32 bytes"),
        ({"data_key": "not base64!"}, "DATA_KEY must be 32 bytes"),
        ({"data_key": "ÄÖÜ"}, "DATA_KEY must be 32 bytes"),
        ({"data_key": None, "data_key_file": Path("/nowhere/key")}, "DATA_KEY_FILE cannot be read"),
        ({"bcrypt_cost": 11}, "BCRYPT_COST must be at least 12"),
    ],
)
def test_production_refuses_missing_and_short_secrets_by_name(
    changes: dict[str, Any], named: str, tmp_path: Path
) -> None:
    with pytest.raises(ValidationError, match=re.escape(named)):
        production(var_dir=tmp_path, **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_does_not_show_the_secrets() -> None:
    """It ends up in the log of whatever tried to start the program."""
    with pytest.raises(ValidationError) as refused:
        production(secret_key="short-but-secret", data_key="also-secret")
    assert "secret" not in str(refused.value).replace("SECRET_KEY", "")


def test_settings_do_not_show_their_secrets() -> None:
    shown = repr(production(**MYSQL, database_url="mysql://u:pa55word@h/d", email_password="pa55word"))
    for secret in (SECRET_KEY, DATA_KEY, "pa55word", MYSQL["mysql_password"]):
        assert secret not in shown


def test_a_data_key_may_be_in_a_file(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(DATA_KEY + "\n")
    assert production(data_key=None, data_key_file=key).data_key_bytes == b"d" * 32


def test_a_data_key_may_be_what_a_command_prints() -> None:
    kept = production(data_key=None, data_key_command=f"printf '%s\\n' {DATA_KEY}")
    assert kept.data_key_bytes == b"d" * 32


def test_a_command_is_run_once_and_by_no_shell(tmp_path: Path) -> None:
    command = tmp_path / "command"
    command.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\necho {DATA_KEY}\n')
    command.chmod(0o700)
    kept = production(data_key=None, data_key_command=f"{command} 'a b' ; $HOME")
    assert kept.data_key_bytes == kept.data_key_bytes == b"d" * 32
    assert (tmp_path / "calls").read_text() == "a b ; $HOME\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/nowhere/command", "DATA_KEY_COMMAND cannot be run: FileNotFoundError"),
        ("sh -c 'echo kept-from-everybody; exit 3'", "DATA_KEY_COMMAND ended with 3"),
        ("echo kept-from-everybody", "DATA_KEY must be 32 bytes"),
        ("'", "DATA_KEY_COMMAND cannot be run: ValueError"),
        ("printf '\\377'", "DATA_KEY_COMMAND cannot be run: UnicodeDecodeError"),
    ],
)
def test_a_command_that_prints_no_key_is_refused_without_what_it_printed(command: str, said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)) as refused:
        production(data_key=None, data_key_command=command)
    assert "kept-from-everybody" not in str(refused.value)


def test_older_data_keys_may_be_several_and_in_a_file_too(tmp_path: Path) -> None:
    one, two, three = (base64.b64encode(letter * 32).decode() for letter in (b"1", b"2", b"3"))
    (tmp_path / "old").write_text(f"{three}\n")
    kept = production(old_data_keys=f"{one}, {two}", old_data_keys_file=tmp_path / "old")
    assert kept.old_data_keys_bytes == (b"1" * 32, b"2" * 32, b"3" * 32)
    assert [key.id for key in kept.vault.older] == [key_id_of(digit * 32) for digit in (b"1", b"2", b"3")]
    assert kept.vault.key_id == key_id_of(b"d" * 32)
    assert one not in repr(kept)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"old_data_keys": SHORT_KEY}, "OLD_DATA_KEYS must be keys of 32 bytes"),
        ({"old_data_keys": f"{DATA_KEY} nonsense"}, "OLD_DATA_KEYS must be keys of 32 bytes"),
        ({"old_data_keys_file": Path("/nowhere/keys")}, "OLD_DATA_KEYS_FILE cannot be read"),
    ],
)
def test_older_data_keys_that_are_none_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        production(**given)


# --- secrets in development ------------------------------------------------------------------------------------------


def test_development_makes_its_secrets_once_and_keeps_them(tmp_path: Path) -> None:
    first, second = (Settings(_env_file=None, var_dir=tmp_path / "var") for _ in range(2))
    assert (first.secret_key, first.data_key_bytes) == (second.secret_key, second.data_key_bytes)
    assert len(first.data_key_bytes) == 32
    assert first.secret_key.get_secret_value() != first.data_key.get_secret_value()
    assert sorted(path.name for path in (tmp_path / "var").iterdir()) == ["data_key", "secret_key"]
    for path in (tmp_path / "var").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_clinics_have_different_secrets(tmp_path: Path) -> None:
    one, other = (Settings(_env_file=None, var_dir=tmp_path / name) for name in ("one", "other"))
    assert one.data_key_bytes != other.data_key_bytes


def test_a_secret_that_is_given_is_not_made(tmp_path: Path) -> None:
    settings(var_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


PRINT_SECRETS = """
from appointed.core.settings import Settings
import sys
sys.stdin.readline()
kept = Settings(_env_file=None)
print(kept.secret_key.get_secret_value(), kept.data_key.get_secret_value())
"""


async def test_processes_that_start_at_once_have_the_same_secrets(tmp_path: Path) -> None:
    starting = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", PRINT_SECRETS, cwd=tmp_path, env={"VAR_DIR": str(tmp_path / "var")},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) for _ in range(4)
    ]  # fmt: skip
    said = await asyncio.gather(*(process.communicate(b"\n") for process in starting))
    assert {process.returncode for process in starting} == {0}
    assert len({output for output, _ in said}) == 1
    assert sorted(path.name for path in (tmp_path / "var").iterdir()) == ["data_key", "secret_key"]


# --- which database --------------------------------------------------------------------------------------------------


def test_without_a_setting_the_database_is_a_file(tmp_path: Path) -> None:
    url = settings(var_dir=tmp_path).database
    assert (url.drivername, url.database) == ("sqlite+aiosqlite", str(tmp_path / "appointed.sqlite3"))


def test_the_mysql_settings_make_an_address() -> None:
    url = settings(**MYSQL, mysql_host="db", mysql_port=3307).database
    assert (url.drivername, url.username, url.password) == ("mysql+asyncmy", "clinic", "p@ss:w/rd#%")
    assert (url.host, url.port, url.database) == ("db", 3307, "visits")


@pytest.mark.parametrize("missing", ["mysql_user", "mysql_database"])
def test_half_of_the_mysql_settings_make_none(missing: str) -> None:
    assert settings(**{name: value for name, value in MYSQL.items() if name != missing}).database.host is None


def test_the_database_url_wins_over_the_mysql_settings() -> None:
    url = settings(**MYSQL, database_url="postgresql://u:p@h:5433/d").database
    assert url.render_as_string(hide_password=False) == "postgresql+asyncpg://u:p@h:5433/d"


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgresql://h/d", "postgresql+asyncpg"),
        ("postgres://h/d", "postgresql+asyncpg"),
        ("mysql://h/d", "mysql+asyncmy"),
        ("mariadb://h/d", "mysql+asyncmy"),
        ("sqlite:///d", "sqlite+aiosqlite"),
        ("postgresql+asyncpg://h/d", "postgresql+asyncpg"),
        ("mysql+aiomysql://h/d", "mysql+aiomysql"),
    ],
)
def test_an_address_gets_a_driver_that_does_not_block(given: str, driver: str) -> None:
    assert settings(database_url=given).database.drivername == driver


# --- mail ------------------------------------------------------------------------------------------------------------


def test_without_an_address_mails_stay_in_the_folder_and_nothing_is_missing() -> None:
    kept = settings(smtp_host="mail.example.org", email_password="x")
    assert (kept.smtp_server, kept.missing_for_mail) == (None, None)


@pytest.mark.parametrize("address", ["clinic@gmail.com", "clinic@googlemail.com", "Clinic@GMail.com"])
def test_a_gmail_address_needs_no_server(address: str) -> None:
    kept = settings(email_address=address, email_password="app password")
    assert (kept.smtp_server, kept.smtp_port, kept.missing_for_mail) == ("smtp.gmail.com", 465, None)


def test_another_address_needs_a_server_and_says_so() -> None:
    kept = settings(email_address="clinic@example.org", email_password="x")
    assert (kept.smtp_server, kept.missing_for_mail) == (None, "SMTP_HOST")


def test_an_address_without_password_or_server_says_what_is_missing() -> None:
    assert settings(email_address="clinic@gmail.com").missing_for_mail == "EMAIL_PASSWORD"


def test_a_server_that_is_given_wins_and_may_need_no_password() -> None:
    kept = settings(email_address="clinic@gmail.com", smtp_host="mail", smtp_port=1025)
    assert (kept.smtp_server, kept.smtp_port, kept.missing_for_mail) == ("mail", 1025, None)


# --- the rest --------------------------------------------------------------------------------------------------------


def test_the_zone_is_an_iana_name() -> None:
    assert settings(clinic_timezone="Europe/Berlin").zone.key == "Europe/Berlin"
    with pytest.raises(ValidationError, match="not an IANA time zone"):
        settings(clinic_timezone="Berlin")


@pytest.mark.parametrize(
    "given",
    [
        {"bcrypt_cost": 3},
        {"bcrypt_cost": 17},
        {"smtp_port": 0},
        {"database_pool_size": 0},
        {"access_token_minutes": 0},
        {"admin_email": "nobody"},
        {"environment": "staging"},
        {"max_body_bytes": 1},
        {"care_relation_days": -1},
    ],
)
def test_a_setting_out_of_its_bounds_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(given))):
        settings(**given)


def test_an_empty_setting_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As compose passes them on."""
    for name in ("REDIS_URL", "SMTP_HOST", "SMTP_PORT", "DATABASE_URL", "MYSQL_USER"):
        monkeypatch.setenv(name, "")
    kept = settings()
    assert (kept.redis_url, kept.smtp_host, kept.smtp_port, kept.database.drivername) == (
        None, None, 465, "sqlite+aiosqlite")  # fmt: skip


def test_a_file_is_read_and_the_environment_wins_over_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(f"SECRET_KEY={SECRET_KEY}\nDATA_KEY={DATA_KEY}\nCLINIC_NAME=Hill\nSMTP_PORT=25\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMTP_PORT", "587")
    assert (Settings().clinic_name, Settings().smtp_port) == ("Hill", 587)


@pytest.mark.parametrize(("private_from", "of_age", "is_right"), [(14, 18, True), (17, 18, True), (18, 18, False)])
def test_minors_are_private_before_they_are_of_age(
    private_from: int, of_age: int, is_right: bool, tmp_path: Path
) -> None:
    ages = {"minors_private_from_age": private_from, "age_of_majority": of_age}
    with nullcontext() if is_right else pytest.raises(ValidationError, match="MINORS_PRIVATE_FROM_AGE"):
        settings(var_dir=tmp_path, **ages)


# --- keys that sign tokens -------------------------------------------------------------------------------------------


def test_development_makes_its_own_token_key_once_and_keeps_it(tmp_path: Path) -> None:
    given = {"var_dir": tmp_path, "token_algorithm": "EdDSA"}
    first, again = settings(**given).signing_keys.current, settings(**given).signing_keys.current
    assert (first.algorithm, first.key_id) == ("EdDSA", again.key_id)
    assert stat.S_IMODE((tmp_path / "token_key.pem").stat().st_mode) == 0o600


def test_production_is_given_its_token_key(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="TOKEN_KEY_FILE must be set"):
        production(token_algorithm="EdDSA")
    file = tmp_path / "token.pem"
    file.write_text(new_pem())
    assert production(token_algorithm="EdDSA", token_key_file=file).signing_keys.current.key_id == (
        keys_in(file.read_text())[0].key_id
    )


def test_tokens_of_older_keys_are_still_verified(tmp_path: Path) -> None:
    file = tmp_path / "older.pem"
    file.write_text(new_pem() + new_pem())
    keys = settings(old_secret_keys=f"{'t' * 32}, {'u' * 32}", old_token_keys_file=file).signing_keys
    wanted = [hmac_key("t" * 32), hmac_key("u" * 32), *keys_in(file.read_text()), hmac_key(SECRET_KEY)]
    assert list(keys.by_id) == [key.key_id for key in wanted]
    assert keys.current.key_id == hmac_key(SECRET_KEY).key_id


def public_pem() -> str:
    key = keys_in(new_pem())[0].verifying
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("token_key_file", None, "TOKEN_KEY_FILE cannot be read"),
        ("token_key_file", b"secret", "TOKEN_KEY_FILE must hold Ed25519 keys in PEM and nothing else"),
        ("token_key_file", b"\xff\xfe", "TOKEN_KEY_FILE must be a text"),
        ("token_key_file", public_pem().encode(), "TOKEN_KEY_FILE must hold one private key"),
        ("token_key_file", (new_pem() + new_pem()).encode(), "TOKEN_KEY_FILE must hold one private key"),
        ("old_token_keys_file", None, "OLD_TOKEN_KEYS_FILE cannot be read"),
        ("old_token_keys_file", b"", "OLD_TOKEN_KEYS_FILE must hold Ed25519 keys"),
    ],
)
def test_a_token_key_that_is_none_is_named_at_the_start(
    name: str, content: bytes | None, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValidationError, match=said) as refused:
        settings(var_dir=tmp_path, token_algorithm="EdDSA", **{name: file})
    assert "secret" not in str(refused.value)


def test_there_are_two_ways_to_sign() -> None:
    for algorithm in ("none", "HS512", "RS256", "eddsa"):
        with pytest.raises(ValidationError, match="HS256"):
            settings(token_algorithm=algorithm)


def test_the_command_makes_a_key_for_tokens_and_never_overwrites_one(tmp_path: Path) -> None:
    file, runner = tmp_path / "token.pem", CliRunner()
    made = runner.invoke(keys_app, ["token", str(file)])
    assert (made.exit_code, keys_in(file.read_text())[0].key_id in made.output) == (0, True)
    assert settings(token_algorithm="EdDSA", token_key_file=file).signing_keys.current.signing
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_text()
    assert runner.invoke(keys_app, ["token", str(file)]).exit_code == 1
    assert runner.invoke(keys_app, ["token", str(tmp_path / "no" / "folder")]).exit_code == 1
    assert file.read_text() == before
    assert "PRIVATE" not in made.output
