"""One-time codes of an authenticator app (RFC 6238): six digits, a new one every 30 seconds."""

import hmac
from datetime import datetime
from io import BytesIO

import pyotp
import segno

from .rules import STEP_SECONDS, steps_at


def new_key() -> str:
    """160 bits in base32, as RFC 4226 section 4 recommends."""
    return pyotp.random_base32()


def uri_of(key: str, *, account: str, issuer: str) -> str:
    """What an app reads from the QR code."""
    return pyotp.TOTP(key, interval=STEP_SECONDS).provisioning_uri(name=account, issuer_name=issuer)


def qr_of(uri: str) -> str:
    """The QR code as an SVG picture that needs no style of its own."""
    picture = BytesIO()
    segno.make(uri, error="m", micro=False).save(picture, kind="svg", xmldecl=False, nl=False, scale=4, light="#fff")
    return picture.getvalue().decode()


def code_at(key: str, step: int) -> str:
    return str(pyotp.TOTP(key, interval=STEP_SECONDS).generate_otp(step))


def step_of(key: str, code: str, now: datetime) -> int | None:
    """The step that the code belongs to, if that is a good one now. Each is compared, whichever fits."""
    said = code.replace(" ", "").encode()
    fitting = [step for step in steps_at(now) if hmac.compare_digest(code_at(key, step).encode(), said)]
    return max(fitting, default=None)
