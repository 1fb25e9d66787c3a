"""How letters leave: through a mail server, or into a folder where no server is set."""

import asyncio
import os
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from typing import Protocol

from appointed.core.settings import Settings

FOLDER = "mail"


class Undeliverable(Exception):
    """Trying again is of no use. `code` is what the server replied, 0 if it was not asked."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        super().__init__(code)


class Mailer(Protocol):
    async def send(self, letter: EmailMessage) -> None:
        """Hand the letter over. `Undeliverable` if that is of no use, any other error if it may succeed later."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class FolderMailer:
    """Writes each letter into a file of its own, named by its Message-ID: sending it twice leaves one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, letter: EmailMessage) -> None:
        await asyncio.to_thread(self._write, letter)

    async def close(self) -> None:
        """Nothing is held open."""

    def _write(self, letter: EmailMessage) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = letter["Message-ID"].strip("<>").partition("@")[0]
        draft = self._folder / f".{name}.{os.getpid()}"
        draft.touch(mode=0o600)
        with draft.open("wb") as file:
            file.write(letter.as_bytes(policy=SMTPUTF8))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._folder / f"{name}.eml")


def mail_folder(settings: Settings) -> Path:
    """Where letters lie that were not sent."""
    return settings.var_dir / FOLDER
