"""Recovery codes stand in for a second factor that is lost: ten of them, each once."""

import asyncio
from collections import Counter

from sqlalchemy import text

from appointed.core.db import Database

from ..support.authenticator import Authenticator
from ..support.factories import PASSWORD
from ..support.factors import Holder


async def test_each_code_works_once_and_how_many_are_left_is_seen(holder: Holder, sqlite_database: object) -> None:
    await holder.add_totp()
    assert len(set(holder.codes)) == 10
    for left, code in zip(range(9, 6, -1), holder.codes[:3], strict=True):
        assert (await holder.show(await holder.challenge(), recovery_code=code.lower())).status_code == 200
        assert (await holder.show(await holder.challenge(), recovery_code=code)).status_code == 401
        assert (await holder.listed())["recovery_codes_left"] == left


async def test_of_many_who_use_a_code_at_once_one_is_let_in(holder: Holder) -> None:
    await holder.add_totp()
    challenges = [await holder.challenge() for _ in range(4)]
    answers = await asyncio.gather(*(holder.show(each, recovery_code=holder.codes[0]) for each in challenges))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 3}
    assert (await holder.listed())["recovery_codes_left"] == 9


async def test_new_codes_void_the_old_ones(holder: Holder, sqlite_database: object) -> None:
    await holder.add_totp()
    refused = await holder.post("/recovery-codes", current_password="a wrong one")
    assert (refused.status_code, refused.json()["code"]) == (422, "wrong_password")
    renewed = (await holder.post("/recovery-codes", current_password=PASSWORD)).json()["recovery_codes"]
    assert len(set(renewed) | set(holder.codes)) == 20
    assert (await holder.show(await holder.challenge(), recovery_code=holder.codes[0])).status_code == 401
    assert (await holder.show(await holder.challenge(), recovery_code=renewed[0])).status_code == 200


async def test_without_a_second_factor_there_are_none(holder: Holder, sqlite_database: object) -> None:
    refused = await holder.post("/recovery-codes", current_password=PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_second_factor")


async def test_codes_that_are_left_stay_good_when_a_factor_is_added(holder: Holder, sqlite_database: object) -> None:
    added = await holder.add_passkey(Authenticator())
    assert len(added["recovery_codes"]) == 10
    holder.key = (await holder.post("/totp", current_password=PASSWORD)).json()["key"]
    assert (await holder.post("/totp/confirm", code=holder.code())).json() == {"recovery_codes": []}
    assert (await holder.delete(f"/passkeys/{added['id']}")).status_code == 204
    assert (await holder.show(await holder.challenge(), recovery_code=holder.codes[0])).status_code == 200


async def test_who_has_used_them_all_has_none_to_show(holder: Holder, sqlite_database: object) -> None:
    await holder.add_totp()
    for code in holder.codes:
        assert (await holder.show(await holder.challenge(), recovery_code=code)).status_code == 200
    assert (await holder.enter_password()).json()["methods"] == ["totp"]


async def test_no_code_is_kept_as_it_is(holder: Holder, sqlite_database: Database) -> None:
    await holder.add_totp()
    async with sqlite_database.reads() as session:
        rows = (await session.execute(text("SELECT * FROM recovery_codes"))).all()
    kept = repr(rows).casefold()
    assert len(rows) == 10
    assert not [code for code in holder.codes if code.casefold() in kept or code.replace("-", "").casefold() in kept]
