"""Opening hours and the free time they leave."""

from .queries import get
from .service import WeeklyHours, add

__all__ = ["WeeklyHours", "add", "get"]
