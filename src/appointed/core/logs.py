"""Structured logs: JSON in production, readable lines in development, never personal data."""

import logging
import sys
from traceback import extract_tb

import structlog
from structlog.typing import EventDict, WrappedLogger


def configure(*, as_json: bool) -> None:
    """Every line carries the request's id where there is one."""
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            _trace,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    # The server logs once more what a request has failed with, the event loop what nobody waited for.
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).addFilter(_leave_the_trace)


def request_id() -> str | None:
    """The id of the request that is being served."""
    value: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return value


def trace_of(error: BaseException) -> str:
    """Where an error comes from, and the errors behind it. Not what they say: a database quotes the row it refused."""
    lines = []
    behind: BaseException | None = error
    while behind:
        lines.append(f"{type(behind).__module__}.{type(behind).__qualname__}")
        lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(behind.__traceback__)]
        behind = behind.__cause__ or (None if behind.__suppress_context__ else behind.__context__)
    return "\n".join(lines)


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
