"""Letters: a subject, a text and the same as HTML, from one of the templates; pure."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import UUID

from email_validator import validate_email
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from appointed.core.settings import Settings

_templates = Environment(
    loader=PackageLoader(__package__),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


class Template(StrEnum):
    """The letters there are."""

    WELCOME = "welcome"
    INVITATION = "invitation"
    BOOKED = "booked"
    SERIES_BOOKED = "series-booked"
    SERIES_MOVED = "series-moved"
    SERIES_CANCELLED = "series-cancelled"
    CANCELLED = "cancelled"
    MOVED = "moved"
    RESTORED = "restored"
    RECORD = "record"
    RECORD_RELEASED = "record-released"
    EMERGENCY = "emergency"
    PASSWORD_RESET = "password-reset"  # noqa: S105 - the name of a letter
    EMAIL_CONFIRMATION = "email-confirmation"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105
    FACTORS_CHANGED = "factors-changed"


# Subjects are seen on locked screens: no time, no doctor, no name.
SUBJECTS = {
    Template.WELCOME: "Welcome to {clinic}",
    Template.INVITATION: "Your invitation to log in at {clinic}",
    Template.BOOKED: "Your visit at {clinic} is booked",
    Template.SERIES_BOOKED: "Your visits at {clinic} are booked",
    Template.SERIES_MOVED: "Your visits at {clinic} have new times",
    Template.SERIES_CANCELLED: "Your visits at {clinic} are cancelled",
    Template.CANCELLED: "Your visit at {clinic} is cancelled",
    Template.MOVED: "Your visit at {clinic} has a new time",
    Template.RESTORED: "Your visit at {clinic} takes place",
    Template.PASSWORD_RESET: "A new password for {clinic}",
    Template.EMAIL_CONFIRMATION: "Confirm your address for {clinic}",
    Template.PASSWORD_CHANGED: "Your password for {clinic} was changed",
    Template.FACTORS_CHANGED: "How you log in at {clinic} was changed",
    Template.RECORD: "Something new in your record at {clinic}",
    Template.RECORD_RELEASED: "Something new for you to read at {clinic}",
    Template.EMERGENCY: "Your record at {clinic} was opened",
}


def letter(
    settings: Settings, template: Template, to: str, message_id: UUID, now: datetime, **facts: str | None
) -> EmailMessage:
    """A letter from the clinic to one address. Every copy of it has the same Message-ID, and so is known for a copy."""
    clinic = " ".join(settings.clinic_name.split())
    facts |= {"clinic": clinic, "url": settings.public_url.rstrip("/")}
    made = EmailMessage(policy=SMTP)
    made["Message-ID"] = f"<{message_id}@{_host(settings)}>"
    made["Date"] = format_datetime(now)
    made["From"] = _address(_sender(settings), clinic)
    made["To"] = _address(to)
    made["Subject"] = SUBJECTS[template].format(clinic=clinic)
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(_templates.get_template(f"{template}.txt").render(facts))
    made.add_alternative(_templates.get_template(f"{template}.html").render(facts), subtype="html")
    return made


def _sender(settings: Settings) -> str:
    return settings.email_address or f"no-reply@{_host(settings)}"


def _host(settings: Settings) -> str:
    """The host that people reach the application under, as the right side of an address."""
    return (urlsplit(settings.public_url).hostname or "localhost").replace(":", "-")


def _address(address: str, name: str = "") -> Address:
    """With its domain as name servers know it (RFC 5891). `ValueError` if it is not one address."""
    if address.isascii():
        return Address(name, addr_spec=address)
    checked = validate_email(address, check_deliverability=False)
    return Address(name, checked.local_part, checked.ascii_domain or checked.domain)
