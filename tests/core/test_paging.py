"""Pages: each item once, in order, whatever is added meanwhile; a cursor from outside is never trusted."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from appointed.core.db import Database, transaction
from appointed.core.errors import Invalid
from appointed.core.ids import new_id
from appointed.core.outbox import OutboxMessage
from appointed.core.paging import _values, page_of
from appointed.core.text import check_text
from tests.support.clock import MONDAY

KEYS = (OutboxMessage.due_at, OutboxMessage.name, OutboxMessage.id)


def row(name: str, minutes: float = 0) -> dict[str, Any]:
    due_at = MONDAY + timedelta(minutes=minutes)
    return {"id": new_id(), "name": name, "payload": {}, "created_at": MONDAY, "due_at": due_at, "attempts": 0}


async def keep(database: Database, *rows: dict[str, Any]) -> None:
    async with transaction(database.writes) as session:
        await session.execute(insert(OutboxMessage), list(rows))


async def pages(database: Database, limit: int, keys: tuple[Any, ...] = KEYS) -> list[list[str]]:
    """The names on each page, from the first to the last."""
    found, cursor = [], None
    for _ in range(20):
        async with database.reads() as session:
            page = await page_of(session, select(OutboxMessage), keys, limit=limit, cursor=cursor)
        found.append([message.name for message in page.items])
        cursor = page.next_cursor
        if cursor is None:
            return found
    raise AssertionError("the pages have no end")


ROWS = [row("a", 1), row("b", 1), row("b", 1), row("B", 1), row("é", 2), row("a", 2.00001), row("z", 0)]
IN_ORDER = ["z", "B", "a", "b", "b", "é", "a"]


@pytest.mark.parametrize("limit", range(1, 9))
async def test_every_item_is_on_one_page_in_order(database: Database, limit: int) -> None:
    await keep(database, *ROWS)
    found = await pages(database, limit)
    assert [name for page in found for name in page] == IN_ORDER
    assert {len(page) for page in found[:-1]} <= {limit}


async def test_there_is_no_empty_page_at_the_end(database: Database) -> None:
    await keep(database, *ROWS[:4])
    assert [len(page) for page in await pages(database, 2)] == [2, 2]


async def test_a_list_without_items_is_one_empty_page(database: Database) -> None:
    assert await pages(database, 10) == [[]]


async def test_what_is_added_or_removed_meanwhile_moves_no_other_item(database: Database) -> None:
    await keep(database, *(row(name) for name in "bdfh"))
    async with database.reads() as session:
        first = await page_of(session, select(OutboxMessage), KEYS, limit=2, cursor=None)
    await keep(database, *(row(name) for name in "ace"))
    async with transaction(database.writes) as session:
        await session.delete(first.items[-1])
    async with database.reads() as session:
        second = await page_of(session, select(OutboxMessage), KEYS, limit=9, cursor=first.next_cursor)
    assert [message.name for message in second.items] == ["e", "f", "h"]


async def test_a_page_keeps_the_conditions_of_its_query(database: Database) -> None:
    await keep(database, *ROWS)
    query = select(OutboxMessage).where(OutboxMessage.name == "b")
    async with database.reads() as session:
        first = await page_of(session, query, KEYS, limit=1, cursor=None)
        second = await page_of(session, query, KEYS, limit=1, cursor=first.next_cursor)
    assert [message.name for message in [*first.items, *second.items]] == ["b", "b"]
    assert second.next_cursor is None


def cursor_of(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


ID = str(new_id())
GOOD = ("2031-03-03T08:00:00+00:00", "a", ID)
BAD = {
    "nothing": "",
    "no base64": "%%%",
    "no text": base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    "no JSON": base64.urlsafe_b64encode(b"[1").decode(),
    "no list": base64.urlsafe_b64encode(b'{"a": 1}').decode(),
    "a number": base64.urlsafe_b64encode(b"1").decode(),
    "a list without end": base64.urlsafe_b64encode(b"[" * 1_400).decode(),
    "too few values": cursor_of(*GOOD[:2]),
    "too many values": cursor_of(*GOOD, "x"),
    "a naive time": cursor_of("2031-03-03T08:00:00", *GOOD[1:]),
    "no time": cursor_of("yesterday", *GOOD[1:]),
    "a number for a time": cursor_of(1, *GOOD[1:]),
    "a time before all times": cursor_of("0001-01-01T00:00:00+14:00", *GOOD[1:]),
    "a time after all times": cursor_of("9999-12-31T23:59:59-14:00", *GOOD[1:]),
    "no id": cursor_of(*GOOD[:2], "x"),
    "a number for an id": cursor_of(*GOOD[:2], 1),
    "null for an id": cursor_of(*GOOD[:2], None),
    "a list for a name": cursor_of(GOOD[0], ["a"], ID),
    "NUL": cursor_of(GOOD[0], "a\0", ID),
    "half a character": cursor_of(GOOD[0], "\ud800", ID),
}


@pytest.mark.parametrize("cursor", BAD.values(), ids=BAD)
async def test_a_cursor_that_is_no_good_is_a_field_that_is_no_good(sqlite_database: Database, cursor: str) -> None:
    async with sqlite_database.reads() as session:
        with pytest.raises(Invalid) as refused:
            await page_of(session, select(OutboxMessage), KEYS, limit=1, cursor=cursor)
    assert [field.name for field in refused.value.fields] == ["cursor"]


@given(st.one_of(st.text(), st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=4).map(
    lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode())))  # fmt: skip
def test_no_cursor_gets_past_without_being_of_the_right_kind(cursor: str) -> None:
    try:
        due_at, name, message_id = _values(KEYS, cursor)
    except Invalid:
        return
    assert due_at.utcoffset() == timedelta(0)
    assert check_text(name) == name
    assert message_id.version


async def test_a_cursor_may_be_read_by_somebody_who_writes_times_otherwise(database: Database) -> None:
    await keep(database, *ROWS)
    elsewhere = cursor_of("2031-03-03T10:31:00+02:30", "b", str(ROWS[1]["id"]))
    async with database.reads() as session:
        page = await page_of(session, select(OutboxMessage), KEYS, limit=9, cursor=elsewhere)
    assert [message.name for message in page.items] == ["b", "é", "a"]


def test_a_time_in_a_cursor_is_read_as_utc() -> None:
    due_at, _, _ = _values(KEYS, cursor_of("2031-03-03T10:31:00+02:30", "b", ID))
    assert due_at == datetime(2031, 3, 3, 8, 1, tzinfo=UTC)
