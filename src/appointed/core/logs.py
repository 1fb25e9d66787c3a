"""Structured logs: JSON in production, readable lines in development, never personal data.

What is not on the list of keys is left out, and its key is named instead: so a new line of the log is thought about.
"""

import logging
import sys
from traceback import extract_tb
from uuid import UUID

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# Each holds an id, a number, a time, or a word of ours; nothing that somebody typed.
KEYS = frozenset({
    "event", "level", "timestamp", "request_id", "actor_id", "method", "route", "status", "ms", "code", "error",
    "where", "exception", "stack", "chore", "count", "rows", "visits", "entity_id", "message_id", "name",
    "attempts", "client_id",
})  # fmt: skip
LONGEST = 200
# A trace is as long as it is; it is made by `trace_of`.
UNCUT = frozenset({"exception", "stack"})


class _Retelling(logging.Handler):
    """Tells what libraries log as we tell things: in their words, without what they put into them. That may be
    anything: an address with its password, somebody's data."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        words = str(record.msg).strip().partition("\n")[0]
        trace = trace_of(error) if error else record.exc_text
        structlog.get_logger().log(record.levelno, words, name=record.name, exception=trace)


_RETELLING = _Retelling()
# One list for all times: a logger that was used keeps the one that it found.
_PROCESSORS: list[Processor] = []


def configure(*, as_json: bool) -> None:
    """Every line carries the request's id where there is one."""
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    _PROCESSORS[:] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _trace,
        only_listed,
        renderer,
    ]
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.removeHandler(_RETELLING)
    if as_json:
        root.addHandler(_RETELLING)
    # The server logs once more what a request has failed with, the event loop what nobody waited for.
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).addFilter(_leave_the_trace)


def request_id() -> str | None:
    """The id of the request that is being served."""
    value: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return value


def note_actor(user_id: UUID) -> None:
    """Every further line of this request says who asked."""
    structlog.contextvars.bind_contextvars(actor_id=str(user_id))


def client_id() -> str | None:
    """The app or machine that asks, where it is one."""
    value: str | None = structlog.contextvars.get_contextvars().get("client_id")
    return value


def note_client(client: UUID) -> None:
    """Every further line of this request, and its rows in the trail, say which app or machine asked."""
    structlog.contextvars.bind_contextvars(client_id=str(client))


def trace_of(error: BaseException) -> str:
    """Where an error comes from, and the errors behind it. Not what they say: a database quotes the row it refused."""
    lines = []
    behind: BaseException | None = error
    while behind:
        lines.append(f"{type(behind).__module__}.{type(behind).__qualname__}")
        lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(behind.__traceback__)]
        behind = behind.__cause__ or (None if behind.__suppress_context__ else behind.__context__)
    return "\n".join(lines)


def only_listed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """What is on the list, and the keys of what is not; nothing long, and nothing that says nothing."""
    kept = {key: _cut(key, value) for key, value in event.items() if key in KEYS and value is not None}
    if left_out := sorted(set(event) - KEYS):
        kept["left_out"] = left_out
    return kept


def _cut(key: str, value: object) -> object:
    """Numbers stay numbers; all else is text of one line."""
    if isinstance(value, bool | int | float) or key in UNCUT:
        return value
    return " ".join(str(value)[:LONGEST].split())


def _trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    if error:
        event["exception"] = trace_of(error)
    return event


def _leave_the_trace(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1]:
        record.exc_text, record.exc_info = trace_of(record.exc_info[1]), None
    return True
