"""The components of an iCalendar document (RFC 5545 section 3.1), before anybody looks into them.

A document from outside may be long, deep or broken in any way. What is looked into afterwards is short, flat, and known
by where it stands.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from appointed.core.errors import AppError, Invalid, Kind

MOST_BYTES = 500_000
MOST_PARTS = 1_000
MOST_CHARACTERS = 2_000
DEEPEST = 3
ROOT = "VCALENDAR"
# The zone's name says it all, and rules that somebody else wrote are not followed.
SKIPPED = "VTIMEZONE"
_FOLD = re.compile(r"\r?\n[ \t]")
_END_OF_LINE = re.compile(r"\r?\n")
_NAME = re.compile(r"[A-Z0-9-]{1,40}")


class CalendarTooLarge(AppError):
    code = "calendar_too_large"
    kind = Kind.TOO_LARGE
    detail = f"A calendar has {MOST_BYTES:,} bytes and {MOST_PARTS:,} components at the most."


@dataclass(slots=True)
class Part:
    """A component. `path` says where it stands, like `VAVAILABILITY.0.AVAILABLE.2`; lines are unfolded."""

    name: str
    path: str
    lines: list[str] = field(default_factory=list)
    parts: list["Part"] = field(default_factory=list)

    @property
    def block(self) -> bytes:
        """The component as a document of its own, without those in it."""
        return "\r\n".join((f"BEGIN:{self.name}", *self.lines, f"END:{self.name}", "")).encode()


def calendar_of(content: bytes) -> Part:
    """The one calendar that the document is; `Invalid` or `CalendarTooLarge` if it is none."""
    if len(content) > MOST_BYTES:
        raise CalendarTooLarge
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _broken("The calendar is not UTF-8.") from None
    root = Part("", "")
    stack, count = [root], 0
    for line in _lines(text):
        verb, _, value = line.partition(":")
        if verb.upper() == "BEGIN":
            count += 1
            stack.append(_begun(stack, value.strip().upper(), count))
        elif verb.upper() == "END":
            _end(stack, value.strip().upper())
        else:
            _add(stack, line)
    if len(stack) > 1 or [part.name for part in root.parts] != [ROOT]:
        raise _broken("Send one whole VCALENDAR.")
    return root.parts[0]


def _lines(text: str) -> Iterator[str]:
    return (line for line in _END_OF_LINE.split(_FOLD.sub("", text)) if line.strip())


def _begun(stack: list[Part], name: str, count: int) -> Part:
    parent = stack[-1]
    if count > MOST_PARTS:
        raise CalendarTooLarge
    if len(stack) > DEEPEST or not _NAME.fullmatch(name):
        raise _broken("The calendar is nested too deeply, or has a component without a name.")
    number = sum(part.name == name for part in parent.parts)
    part = Part(name, ".".join(filter(None, (parent.path, name, str(number)))) if parent.name else "")
    parent.parts.append(part)
    return part


def _end(stack: list[Part], name: str) -> None:
    if len(stack) == 1 or stack.pop().name != name:
        raise _broken(f"END:{name[:40]} ends nothing that was begun.")


def _add(stack: list[Part], line: str) -> None:
    if len(stack) == 1:
        raise _broken("Send one whole VCALENDAR, and nothing before or after it.")
    if any(part.name == SKIPPED for part in stack):
        return
    if len(line) > MOST_CHARACTERS:
        raise Invalid.field(stack[-1].path or ROOT, f"A line has {MOST_CHARACTERS:,} characters at the most.")
    stack[-1].lines.append(line)


def _broken(detail: str) -> Invalid:
    return Invalid.field("calendar", detail)
