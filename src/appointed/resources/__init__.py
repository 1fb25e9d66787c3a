"""Whose time can be taken: doctors, rooms, devices and patients."""

from .busy import Busy, Claim, add, busy, cut, lock, release, take

__all__ = ["Busy", "Claim", "add", "busy", "cut", "lock", "release", "take"]
