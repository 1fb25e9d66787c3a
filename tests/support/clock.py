"""A clock that stands still until it is moved."""

from datetime import UTC, datetime, timedelta

MONDAY = datetime(2031, 3, 3, 8, tzinfo=UTC)


class FixedClock:
    """Says `instant` until it is set to another; aware and in UTC like the real one."""

    def __init__(self, instant: datetime = MONDAY) -> None:
        self.set(instant)

    def now(self) -> datetime:
        return self._now

    def set(self, instant: datetime) -> None:
        if instant.tzinfo is None:
            raise ValueError("a clock needs a time zone")
        self._now = instant.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        self.set(self._now + by)
