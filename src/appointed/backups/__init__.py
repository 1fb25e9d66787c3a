"""Backups of a whole database: taken while the clinic goes on, sealed, and restored on any of the supported engines."""

from .checking import Checked, check
from .container import BackupRefused, Header, Summary, inspect
from .restoring import restore
from .taking import take

__all__ = ["BackupRefused", "Checked", "Header", "Summary", "check", "inspect", "restore", "take"]
