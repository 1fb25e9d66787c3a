"""Medical records."""

from .service import Draft, amend, release, retract, sign, withhold, write

__all__ = ["Draft", "amend", "release", "retract", "sign", "withhold", "write"]
