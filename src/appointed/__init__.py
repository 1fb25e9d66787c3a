"""Appointed: healthcare appointment scheduling."""

import zoneinfo

__version__ = "0.1.0"

# Every machine reckons with the zones that are locked with the rest, not with whatever it happens to have.
zoneinfo.reset_tzpath(to=())
