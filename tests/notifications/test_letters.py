"""Letters carry what they should, and nothing else."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from html.parser import HTMLParser
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr

from appointed.core.settings import Settings
from appointed.notifications.letters import Template, letter
from tests.support.fixtures import settings_of
from tests.support.mailbox import text_of

ID = UUID("01919191-0000-7000-8000-000000000001")
NOW = datetime(2031, 3, 3, 8, tzinfo=UTC)
FACTS: dict[Template, dict[str, str | None]] = {
    Template.WELCOME: {"link": "https://clinic.example.org/confirm-email#abc", "until": "Monday"},
    Template.INVITATION: {"link": "https://clinic.example.org/join#abc", "until": "Monday"},
    Template.BOOKED: {"time": "Monday at nine", "doctor": "Dr Dana Demo", "place": "Main Street", "patient": None},
    Template.CANCELLED: {"time": "Monday at nine", "doctor": "Dr Dana Demo", "place": "Main Street", "patient": None},
    Template.MOVED: {"time": "Monday at nine", "before": "Friday at ten", "doctor": "Dr Dana Demo",
                     "place": "Main Street", "patient": None},
    Template.RESTORED: {"time": "Monday at nine", "doctor": "Dr Dana Demo", "place": "Main Street", "patient": None},
    Template.SERIES_BOOKED: {"times": "Monday at nine", "doctor": "Dr Dana Demo", "place": "Main Street",
                             "patient": None},
    Template.SERIES_MOVED: {"times": "Monday at nine", "doctor": "Dr Dana Demo", "place": "Main Street",
                            "patient": None},
    Template.SERIES_CANCELLED: {"times": "Monday at nine", "doctor": "Dr Dana Demo", "place": "Main Street",
                                "patient": None},
    Template.RECORD: {},
    Template.RECORD_RELEASED: {},
    Template.EMERGENCY: {"opened": "Monday at nine"},
    Template.PASSWORD_RESET: {"link": "https://clinic.example.org/reset-password#abc", "until": "Monday"},
    Template.EMAIL_CONFIRMATION: {"link": "https://clinic.example.org/confirm-email#abc", "until": "Monday"},
    Template.PASSWORD_CHANGED: {},
    Template.FACTORS_CHANGED: {"change": "A passkey was added."},
}  # fmt: skip


@pytest.fixture
def clinic_settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path, clinic_name="Praxis Dr. Müller", public_url="https://clinic.example.org/")


def made(settings: Settings, template: Template, to: str = "pat@example.org", **facts: str | None) -> EmailMessage:
    return letter(settings, template, to, ID, NOW, **FACTS[template] | facts)


def received(sent: EmailMessage) -> EmailMessage:
    """What arrives at the other side of the wire."""
    arrived = message_from_bytes(sent.as_bytes(policy=SMTP), policy=SMTP)
    assert isinstance(arrived, EmailMessage)
    return arrived


class Words(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.words += data.split()


@pytest.mark.parametrize("template", Template)
def test_every_letter_says_the_same_in_text_and_in_html(clinic_settings: Settings, template: Template) -> None:
    sent = received(made(clinic_settings, template))
    text, html = text_of(sent), text_of(sent, "html")
    for fact in FACTS[template].values():
        if fact:
            assert fact in text
            assert fact in html
    assert "Praxis Dr. Müller" in text
    assert "https://clinic.example.org\n" in text.replace("\r", "")
    assert not [line for line in text.splitlines() if len(line) > 78]
    # The title is not shown, a separator is not said, and a link may have words of its own.
    shown = " ".join(Words(html).words[3:])
    missing = [word for word in text.split() if word not in shown and "#" not in word and word not in {"--", "here:"}]
    assert missing == []


def test_headers_say_who_writes_to_whom_and_that_nobody_did_it_by_hand(clinic_settings: Settings) -> None:
    sent = received(made(clinic_settings, Template.WELCOME))
    assert sent["Message-ID"] == f"<{ID}@clinic.example.org>"
    assert sent["Date"].datetime == NOW
    assert sent["From"].addresses[0].display_name == "Praxis Dr. Müller"
    assert sent["From"].addresses[0].addr_spec == "no-reply@clinic.example.org"
    assert [address.addr_spec for address in sent["To"].addresses] == ["pat@example.org"]
    assert sent["Auto-Submitted"] == "auto-generated"
    assert sent["Subject"] == "Welcome to Praxis Dr. Müller"


def test_the_clinics_own_address_is_the_sender_once_it_has_one(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, email_address="desk@praxis.example.com", email_password=SecretStr("x"))
    assert made(settings, Template.WELCOME)["From"].addresses[0].addr_spec == "desk@praxis.example.com"


@pytest.mark.parametrize(
    ("url", "host"),
    [("http://127.0.0.1:8000", "127.0.0.1"), ("http://[::1]:8000", "--1"), ("http://clinic.test", "clinic.test")],
)
def test_any_address_of_the_application_makes_a_sound_message_id(tmp_path: Path, url: str, host: str) -> None:
    sent = received(made(settings_of(tmp_path, public_url=url), Template.RECORD))
    assert sent["Message-ID"] == f"<{ID}@{host}>"
    assert not sent.defects


def test_names_are_never_markup(clinic_settings: Settings) -> None:
    sent = received(made(clinic_settings, Template.BOOKED, doctor="<img src=x onerror=alert(1)> & Söhne"))
    assert "<img" not in text_of(sent, "html")
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; Söhne" in text_of(sent, "html")
    assert "<img src=x onerror=alert(1)> & Söhne" in text_of(sent)


def test_a_clinics_name_on_two_lines_adds_no_header(tmp_path: Path) -> None:
    sent = received(made(settings_of(tmp_path, clinic_name="Clinic\r\nBcc: spy@example.net"), Template.WELCOME))
    assert sent["Bcc"] is None
    assert sent["Subject"] == "Welcome to Clinic Bcc: spy@example.net"


def test_an_address_with_a_second_recipient_in_it_is_refused(clinic_settings: Settings) -> None:
    for address in ("a@example.org, b@example.org", "a@example.org\r\nBcc: b@example.org"):
        with pytest.raises(ValueError):
            made(clinic_settings, Template.WELCOME, address)


def test_an_international_domain_is_written_as_name_servers_know_it(clinic_settings: Settings) -> None:
    assert (
        made(clinic_settings, Template.WELCOME, "pat@bücher.example.org")["To"].addresses[0].domain
        == "xn--bcher-kva.example.org"
    )


def test_an_international_mailbox_survives_where_the_server_knows_such(clinic_settings: Settings) -> None:
    sent = made(clinic_settings, Template.WELCOME, "jörg@example.org").as_bytes(policy=SMTPUTF8)
    assert "\r\nTo: jörg@example.org\r\n".encode() in sent


def test_a_forgotten_fact_is_an_error_and_not_a_hole(clinic_settings: Settings) -> None:
    with pytest.raises(Exception, match="'time' is undefined"):
        letter(clinic_settings, Template.BOOKED, "pat@example.org", ID, NOW)
