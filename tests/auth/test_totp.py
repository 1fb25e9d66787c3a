"""An authenticator app: added, asked for, removed; each of its codes works once."""

import asyncio
import base64
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from appointed.accounts.factors import totp
from appointed.accounts.factors.models import FactorChallenge, TotpKey
from appointed.core import rotation
from appointed.core.crypto import Vault
from appointed.core.db import Database, connect
from appointed.dispatch.housekeeping import tidy
from appointed.notifications.context import Context

from ..support.clock import FixedClock
from ..support.databases import Backend
from ..support.factories import PASSWORD, Clinic
from ..support.factors import Holder, bearer
from ..support.fixtures import DATA_KEY
from ..support.mailbox import MemoryMailbox

STEP = timedelta(seconds=30)


async def test_an_app_is_asked_for_once_it_is_confirmed(holder: Holder, clinic: Clinic) -> None:
    begun = await holder.post("/totp", current_password=PASSWORD)
    holder.key = begun.json()["key"]
    assert holder.key in begun.json()["otpauth_uri"]
    assert begun.json()["qr_svg"].startswith("<svg")
    assert (await holder.enter_password()).status_code == 200
    assert (await holder.listed())["totp_added_at"] is None

    confirmed = await holder.post("/totp/confirm", code=holder.code())
    assert (confirmed.status_code, len(confirmed.json()["recovery_codes"])) == (200, 10)
    owed = await holder.enter_password()
    assert (owed.status_code, owed.json()["code"]) == (401, "second_factor_required")
    assert owed.json()["methods"] == ["totp", "recovery_code"]
    assert (await holder.listed())["totp_added_at"] == "2031-03-03T08:00:00Z"
    passed = await holder.show(owed.json()["challenge"], totp=holder.code(1))
    assert passed.status_code == 200
    assert (await holder.client.get("/auth/me", headers=bearer(passed))).json()["email"] == holder.who.email


async def test_of_many_who_show_a_code_at_once_one_is_let_in(holder: Holder) -> None:
    await holder.add_totp()
    challenges = [await holder.challenge() for _ in range(4)]
    answers = await asyncio.gather(*(holder.show(each, totp=holder.code(1)) for each in challenges))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 3}
    refused = next(answer for answer in answers if answer.status_code == 401)
    assert refused.json()["code"] == "invalid_second_factor"


async def test_a_code_that_was_shown_is_good_no_more_nor_is_one_before_it(
    holder: Holder, clock: FixedClock, sqlite_database: object
) -> None:
    await holder.add_totp()
    # The app was confirmed with it.
    assert (await holder.show_code(holder.code())).status_code == 401
    clock.advance(4 * STEP)
    assert (await holder.show_code(holder.code())).status_code == 200
    assert [(await holder.show_code(holder.code(by))).status_code for by in (-1, 0)] == [401, 401]
    assert (await holder.show_code(holder.code(1))).status_code == 200


@pytest.mark.parametrize(("by", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)])
async def test_a_code_is_good_for_a_minute_and_a_half(
    holder: Holder, clock: FixedClock, sqlite_database: object, by: int, status: int
) -> None:
    await holder.add_totp()
    clock.advance(10 * STEP)
    assert (await holder.show_code(holder.code(by))).status_code == status


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "１２３４５６", "123-456"])
async def test_what_is_no_code_is_not_taken(holder: Holder, sqlite_database: object, code: str) -> None:
    await holder.add_totp()
    assert (await holder.show_code(code)).status_code == 422


async def test_an_app_is_neither_added_nor_removed_without_the_password(
    holder: Holder, sqlite_database: object
) -> None:
    refused = await holder.post("/totp", current_password="a wrong one")
    assert (refused.status_code, refused.json()["code"]) == (422, "wrong_password")
    assert refused.json()["fields"][0]["name"] == "current_password"
    await holder.add_totp()
    answers = [(await holder.delete("/totp", "a wrong one")).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    assert (await holder.listed())["totp_added_at"]
    assert (await holder.enter_password()).status_code == 429


async def test_an_app_that_is_there_is_not_replaced_in_passing(holder: Holder, sqlite_database: object) -> None:
    await holder.add_totp()
    refused = await holder.post("/totp", current_password=PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (409, "totp_active")
    assert (await holder.show_code(holder.code(1))).status_code == 200


async def test_of_what_was_begun_twice_the_second_counts_and_for_ten_minutes(
    holder: Holder, clock: FixedClock, sqlite_database: object
) -> None:
    keys = [(await holder.post("/totp", current_password=PASSWORD)).json()["key"] for _ in range(2)]
    holder.key = keys[0]
    assert (await holder.post("/totp/confirm", code=holder.code())).json()["code"] == "wrong_code"
    holder.key = keys[1]
    clock.advance(timedelta(minutes=10))
    late = await holder.post("/totp/confirm", code=holder.code())
    assert (late.status_code, late.json()["code"]) == (409, "nothing_begun")
    clock.advance(-timedelta(microseconds=1))
    assert (await holder.post("/totp/confirm", code=holder.code())).status_code == 200
    assert (await holder.post("/totp/confirm", code=holder.code(1))).json()["code"] == "nothing_begun"


async def test_wrong_codes_at_the_confirmation_count(holder: Holder, sqlite_database: object) -> None:
    holder.key = (await holder.post("/totp", current_password=PASSWORD)).json()["key"]
    wrong = totp.code_at(totp.new_key(), 1)
    refused = await holder.post("/totp/confirm", code=wrong)
    assert (refused.status_code, refused.json()["fields"][0]["name"]) == (422, "code")
    answers = [(await holder.post("/totp/confirm", code=wrong)).status_code for _ in range(5)]
    assert answers == [422] * 4 + [429]
    assert (await holder.post("/totp/confirm", code=holder.code())).status_code == 429


async def test_a_removed_app_is_asked_for_no_more(holder: Holder, sqlite_database: object) -> None:
    await holder.add_totp()
    elsewhere = bearer(await holder.show_code(holder.code(1)))
    assert (await holder.delete("/totp")).status_code == 204
    listed = await holder.listed()
    assert (listed["totp_added_at"], listed["recovery_codes_left"]) == (None, 0)
    assert (await holder.enter_password()).status_code == 200
    assert (await holder.client.get("/auth/me", headers=elsewhere)).status_code == 401
    assert (await holder.delete("/totp")).status_code == 404


# --- how it is kept --------------------------------------------------------------------------------------------------


async def test_the_key_is_sealed_and_turned_over_with_the_others(
    holder: Holder, backend: Backend, sqlite_database: Database
) -> None:
    await holder.add_totp()
    old, new = base64.b64decode(DATA_KEY), bytes(range(1, 33))
    async with sqlite_database.reads() as session:
        (row,) = (await session.scalars(select(TotpKey))).all()
        assert holder.key.encode() not in row.key_sealed
        assert row.key == holder.key
        assert ("totp_keys.key", 1) in [(each.path, each.count) for each in await rotation.held(session)]
    turned, renewed = connect(backend.url, Vault.of(new, old)), connect(backend.url, Vault.of(new))
    outcome = await rotation.rotate(turned)
    assert (outcome.unreadable, outcome.left) == ([], 0)
    async with renewed.reads() as session:
        assert (await session.scalars(select(TotpKey))).one().key == holder.key
    await turned.dispose()
    await renewed.dispose()


async def test_what_nobody_finished_is_swept_up(
    holder: Holder, other: Holder, clinic: Clinic, clock: FixedClock, sqlite_database: Database
) -> None:
    await holder.add_totp()
    await holder.challenge()
    await other.post("/totp", current_password=PASSWORD)
    context = Context(sqlite_database, clock, clinic.settings, MemoryMailbox())
    assert (await tidy(context))["factor_challenges"] == 0
    clock.advance(timedelta(minutes=15))
    await tidy(context)
    async with sqlite_database.reads() as session:
        assert (await session.scalars(select(FactorChallenge))).all() == []
        assert [row.user_id for row in await session.scalars(select(TotpKey))] == [holder.who.user_id]
