"""Commands for whoever runs an installation: its keys, its backups."""

from .desk import Desk, console, run, settings_given, stderr
from .keys import keys_app

__all__ = ["Desk", "console", "keys_app", "run", "settings_given", "stderr"]
