"""Medical records."""

from .service import Draft, amend, retract, sign, write

__all__ = ["Draft", "amend", "retract", "sign", "write"]
