"""Letters into a folder."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr

from appointed.notifications.letters import Template, letter
from appointed.notifications.mail import FolderMailer
from appointed.notifications.smtp import SmtpMailer, mailer_of
from tests.support.fixtures import settings_of

ID = UUID("01919191-0000-7000-8000-000000000001")
NOW = datetime(2031, 3, 3, 8, tzinfo=UTC)


async def test_a_letter_is_a_file_that_mail_programs_open(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    await mailer_of(settings).send(letter(settings, Template.WELCOME, "jörg@example.org", ID, NOW, link=None))
    (file,) = (tmp_path / "mail").iterdir()
    assert file.name == f"{ID}.eml"
    assert message_from_bytes(file.read_bytes(), policy=SMTP)["Subject"] == "Welcome to Appointed Clinic"
    assert "registered as a patient" in file.read_text()


async def test_only_the_owner_may_read_what_is_in_the_folder(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    await mailer_of(settings).send(letter(settings, Template.WELCOME, "pat@example.org", ID, NOW, link=None))
    assert (tmp_path / "mail").stat().st_mode & 0o077 == 0
    assert (tmp_path / "mail" / f"{ID}.eml").stat().st_mode & 0o077 == 0


async def test_sending_twice_leaves_one_file(tmp_path: Path) -> None:
    settings, mailer = settings_of(tmp_path), FolderMailer(tmp_path / "mail")
    for _ in range(2):
        await mailer.send(letter(settings, Template.WELCOME, "pat@example.org", ID, NOW, link=None))
    assert len(list((tmp_path / "mail").iterdir())) == 1


def test_the_folder_is_used_until_there_is_a_mail_server(tmp_path: Path) -> None:
    address = "clinic@example.org"
    assert isinstance(mailer_of(settings_of(tmp_path)), FolderMailer)
    assert isinstance(mailer_of(settings_of(tmp_path, email_address=address)), FolderMailer)
    half = settings_of(tmp_path, email_address=address, email_password=SecretStr("x"))
    assert isinstance(mailer_of(half), FolderMailer)
    whole = settings_of(tmp_path, email_address=address, email_password=SecretStr("x"), smtp_host="mail.example.org")
    assert isinstance(mailer_of(whole), SmtpMailer)
