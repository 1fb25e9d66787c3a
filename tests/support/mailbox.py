"""A mailer that keeps what it is given."""

import asyncio
from email.message import EmailMessage


class MemoryMailbox:
    """`letters` are what was sent, each in `seconds`; while `trouble` is set, sending raises it instead."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.seconds = 0.0
        self.trouble: BaseException | None = None
        self.tries = self.at_hand = self.most_at_hand = 0

    async def send(self, letter: EmailMessage) -> None:
        self.tries += 1
        self.at_hand += 1
        self.most_at_hand = max(self.most_at_hand, self.at_hand)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.at_hand -= 1
        if self.trouble:
            raise self.trouble
        self.letters.append(letter)

    async def close(self) -> None:
        """Nothing is held open."""

    def texts(self) -> list[str]:
        """The plain text of each letter."""
        return [text_of(letter) for letter in self.letters]

    def message_ids(self) -> list[str]:
        return [letter["Message-ID"] for letter in self.letters]


def text_of(letter: EmailMessage, kind: str = "plain") -> str:
    """What a reader of plain text, or of `html`, sees."""
    part = letter.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content
