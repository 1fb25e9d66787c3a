"""Whose time can be taken: doctors, rooms, devices and patients."""

from .busy import Busy, Claim, add, busy, cut, expired_owners, hold_until, lock, release, take

__all__ = ["Busy", "Claim", "add", "busy", "cut", "expired_owners", "hold_until", "lock", "release",
           "take"]  # fmt: skip
