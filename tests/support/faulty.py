"""A worker's consumer that fails as Celery's own does when Redis goes at the wrong moment."""

import os
from pathlib import Path

from celery.worker.consumer import Consumer


class FailsOnce(Consumer):  # type: ignore[misc]  # Celery ships no types
    """The first one in `VAR_DIR` fails, and leaves a note of it."""

    def start(self) -> None:
        note = Path(os.environ["VAR_DIR"]) / "failed"
        if not note.exists():
            note.touch()
            raise AttributeError
        super().start()
