"""A transaction that met a deadlock runs again, a few times, and nothing else does."""

import sqlite3
from collections.abc import Callable

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from appointed.core.errors import AppError, NotFound, StartAgain, Unavailable
from appointed.core.retry import ATTEMPTS, run_again


class PostgresError(Exception):
    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


def database_error(cause: Exception) -> DBAPIError:
    return OperationalError("SELECT 1", None, cause)


def busy(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = code
    return error


class Attempts:
    """Fails with each of the errors in turn, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.made = 0

    async def __call__(self) -> str:
        self.made += 1
        if self._errors:
            raise self._errors.pop(0)
        return "done"


RETRYABLE: dict[str, Callable[[], Exception]] = {
    "deadlock on PostgreSQL": lambda: database_error(PostgresError("40P01")),
    "serialization failure": lambda: database_error(PostgresError("40001")),
    "lock timeout on PostgreSQL": lambda: database_error(PostgresError("55P03")),
    "deadlock on MySQL": lambda: database_error(Exception(1213, "Deadlock found")),
    "lock wait timeout on MySQL": lambda: database_error(Exception(1205, "Lock wait timeout exceeded")),
    "record changed on MariaDB": lambda: database_error(Exception(1020, "Record has changed")),
    "busy SQLite": lambda: database_error(busy(sqlite3.SQLITE_BUSY)),
    "busy snapshot on SQLite": lambda: database_error(busy(sqlite3.SQLITE_BUSY_SNAPSHOT)),
    "locked SQLite": lambda: database_error(busy(sqlite3.SQLITE_LOCKED)),
    "what was read no longer holds": StartAgain,
}


@pytest.mark.parametrize("error_of", RETRYABLE.values(), ids=RETRYABLE)
async def test_an_attempt_that_may_succeed_is_made_again(error_of: Callable[[], Exception]) -> None:
    attempts = Attempts(error_of(), error_of())
    assert await run_again(attempts) == "done"
    assert attempts.made == 3


@pytest.mark.parametrize("error_of", RETRYABLE.values(), ids=RETRYABLE)
async def test_after_three_repeats_the_service_is_unavailable(error_of: Callable[[], Exception]) -> None:
    attempts = Attempts(*(error_of() for _ in range(ATTEMPTS)))
    with pytest.raises(Unavailable):
        await run_again(attempts)
    assert attempts.made == ATTEMPTS == 4


FINAL: dict[str, Exception] = {
    "refusal": NotFound(),
    "refused row": IntegrityError("INSERT", None, Exception(1062, "Duplicate entry")),
    "full disk on SQLite": database_error(busy(sqlite3.SQLITE_FULL)),
    "syntax error": database_error(PostgresError("42601")),
    "mistake": ZeroDivisionError(),
}


@pytest.mark.parametrize("error", FINAL.values(), ids=FINAL)
async def test_an_attempt_that_would_fail_again_is_not_repeated(error: Exception) -> None:
    attempts = Attempts(error)
    with pytest.raises(type(error)) as raised:
        await run_again(attempts)
    assert raised.value is error
    assert attempts.made == 1


UNREACHABLE: dict[str, Exception] = {
    "refused connection": ConnectionRefusedError(),
    "no answer": TimeoutError(),
    "MySQL is gone": database_error(Exception(2006, "MySQL server has gone away")),
    "PostgreSQL is shutting down": database_error(PostgresError("57P01")),
}


@pytest.mark.parametrize("error", UNREACHABLE.values(), ids=UNREACHABLE)
async def test_a_database_that_is_gone_is_said_to_be_gone_at_once(error: Exception) -> None:
    attempts = Attempts(error)
    with pytest.raises(Unavailable, match="cannot be reached") as raised:
        await run_again(attempts)
    assert raised.value.__cause__ is error
    assert attempts.made == 1


async def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    error = StartAgain()
    attempts = Attempts(error)
    with pytest.raises(StartAgain):
        await run_again(attempts, unless=lambda: True)
    assert attempts.made == 1


async def test_a_success_is_not_repeated() -> None:
    attempts = Attempts()
    assert await run_again(attempts) == "done"
    assert attempts.made == 1


def test_start_again_is_no_refusal_that_somebody_is_shown() -> None:
    assert not issubclass(StartAgain, AppError)
