"""Commands for whoever runs an installation: its keys, its backups."""

from .backups import backup, check, restore
from .desk import Desk, console, run, settings_given, stderr
from .keys import keys_app

__all__ = ["Desk", "backup", "check", "console", "keys_app", "restore", "run", "settings_given", "stderr"]
