"""How long things may take, so that tests can be quicker about it."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Timing:
    """`lease` is how long a message stays with whoever took it, `handlers` how long its handlers may run.

    A message is tried once, and once more after each pause of `backoff`; then it is given up.
    """

    lease: timedelta = timedelta(minutes=2)
    handlers: timedelta = timedelta(seconds=45)
    backoff: tuple[timedelta, ...] = (
        timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6),
    )  # fmt: skip
    poll: timedelta = timedelta(seconds=1)
    leader: timedelta = timedelta(seconds=15)
    seal: timedelta = timedelta(seconds=5)
    grace: timedelta = timedelta(seconds=5)

    def __post_init__(self) -> None:
        if self.handlers >= self.lease:
            raise ValueError("a lease outlasts the handlers, or two would run at once")

    def pause_after(self, attempts: int) -> timedelta | None:
        """How long to wait after the last of `attempts` failed; None if that was one too many."""
        return self.backoff[attempts - 1] if attempts <= len(self.backoff) else None
