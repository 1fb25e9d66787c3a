"""Logging in with more than a password: what it takes, what does not go round it, and who must."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from appointed.accounts import links
from appointed.accounts.actor import Role
from appointed.accounts.factors import totp
from appointed.accounts.models import AccountLink, LoginSession
from appointed.accounts.passwords import Hasher
from appointed.accounts.rules import Purpose
from appointed.audit.models import AuditEvent
from appointed.core.codes import code_of
from appointed.core.db import Database, transaction
from appointed.core.settings import SecondFactor, Settings
from appointed.dispatch import deliver_due
from appointed.notifications.context import Context

from ..support.authenticator import Authenticator
from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic, Person
from ..support.factors import Holder, bearer, holder_of
from ..support.mailbox import MemoryMailbox, text_of
from ..support.server import environment_of
from ..test_cli_refusals import run

NEW = "another sentence is better"
WRONG = totp.code_at(totp.new_key(), 1)
FIVE_MINUTES, MOMENT = timedelta(minutes=5), timedelta(microseconds=1)


async def letters(clinic: Clinic) -> list[Any]:
    mailbox = MemoryMailbox()
    await deliver_due(Context(clinic.database, clinic.clock, clinic.settings, mailbox), limit=50)
    return mailbox.letters


async def trail(database: Database, *actions: str) -> Sequence[AuditEvent]:
    async with database.reads() as session:
        query = select(AuditEvent).where(AuditEvent.action.in_(actions)).order_by(AuditEvent.id)
        return (await session.scalars(query)).all()


async def reset_password(holder: Holder, clinic: Clinic) -> None:
    """By a link that was mailed."""
    async with transaction(clinic.database.writes) as session:
        await links.ask(session, Purpose.PASSWORD_RESET, holder.who.email, by=None, now=clinic.clock.now())
        mine = select(AccountLink.id).where(AccountLink.user_id == holder.who.user_id, AccountLink.used_at.is_(None))
        link_id = (await session.scalars(mine)).one()
    code = code_of(clinic.settings.secret_key.get_secret_value(), Purpose.PASSWORD_RESET, link_id)
    assert (await holder.post("/password-reset/confirm", code=code, password=NEW)).status_code == 204


# --- what it takes ---------------------------------------------------------------------------------------------------


async def test_nothing_of_second_factors_is_told_without_the_right_password(
    holder: Holder, other: Holder, sqlite_database: object
) -> None:
    await holder.add_totp()
    nobody = {"username": "nobody@example.org", "password": PASSWORD}
    answers = [await each.enter_password("a wrong one") for each in (holder, other)]
    answers.append(await holder.client.post("/auth/login", data=nobody))
    assert {(answer.status_code, answer.content) for answer in answers} == {(401, answers[0].content)}
    assert answers[0].json().keys() == {"type", "title", "status", "detail", "code"}


async def test_a_challenge_is_good_for_the_second_factor_and_nothing_else(
    holder: Holder, sqlite_database: object
) -> None:
    await holder.add_totp()
    await holder.add_passkey(authenticator := Authenticator())
    challenge = await holder.challenge()
    me = await holder.client.get("/auth/me", headers={"Authorization": f"Bearer {challenge}"})
    assert (me.status_code, me.json()["code"]) == (401, "invalid_token")
    assert (await holder.post("/refresh", refresh_token=challenge)).status_code == 401
    alone = await holder.log_in_with(authenticator.show(await holder.options_for(challenge)))
    assert (alone.status_code, alone.json()["code"]) == (410, "challenge_spent")
    assert (await holder.post("/password-reset/confirm", code=challenge, password=NEW)).status_code == 410
    assert (await holder.show(challenge, totp=holder.code(1))).status_code == 200


async def test_a_challenge_lasts_five_minutes_and_works_once(
    holder: Holder, clock: FixedClock, sqlite_database: object
) -> None:
    await holder.add_totp()
    challenge = await holder.challenge()
    clock.advance(FIVE_MINUTES)
    late = await holder.show(challenge, totp=holder.code())
    assert (late.status_code, late.json()["code"]) == (410, "challenge_spent")
    clock.advance(-MOMENT)
    assert (await holder.show(challenge, totp=holder.code())).status_code == 200
    assert (await holder.show(challenge, recovery_code=holder.codes[0])).status_code == 410
    assert (await holder.listed())["recovery_codes_left"] == 10


async def test_of_many_who_answer_a_challenge_at_once_one_is_let_in(holder: Holder) -> None:
    await holder.add_totp()
    challenge = await holder.challenge()
    proofs: list[dict[str, str]] = [{"totp": holder.code(1)}, *({"recovery_code": code} for code in holder.codes[:3])]
    answers = await asyncio.gather(*(holder.show(challenge, **proof) for proof in proofs))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 410: 3}


@pytest.mark.parametrize("challenge", ["x", "A" * 43, "é" * 20, "A" * 42 + "=="])
async def test_an_invented_challenge_is_worth_nothing(holder: Holder, sqlite_database: object, challenge: str) -> None:
    await holder.add_totp()
    assert (await holder.show(challenge, totp=holder.code(1))).status_code == 410
    assert (await holder.post("/login/second-factor/options", {}, challenge=challenge)).status_code == 410


async def test_a_challenge_ends_with_the_password_it_hangs_on_and_with_the_account(
    holder: Holder, other: Holder, clinic: Clinic, sqlite_database: object
) -> None:
    await holder.add_totp()
    await other.add_totp()
    challenge, others = await holder.challenge(), await other.challenge()
    await reset_password(holder, clinic)
    assert (await holder.show(challenge, totp=holder.code(1))).status_code == 410
    admin = await clinic.staff(Role.ADMIN)
    await holder.client.delete(f"/users/{other.who.user_id}", headers=admin.headers)
    assert (await other.show(others, totp=other.code(1))).status_code == 410


async def test_one_second_factor_is_shown_at_a_time(holder: Holder, sqlite_database: object) -> None:
    await holder.add_totp()
    challenge = await holder.challenge()
    for proof in ({}, {"totp": holder.code(1), "recovery_code": holder.codes[0]}, {"totp": None}):
        assert (await holder.show(challenge, **proof)).status_code == 422
    assert (await holder.show(challenge, totp=holder.code(1), recovery_code=None)).status_code == 200


async def test_somebody_elses_codes_are_no_good(holder: Holder, other: Holder, sqlite_database: object) -> None:
    await holder.add_totp()
    await other.add_totp()
    challenge = await holder.challenge()
    assert (await holder.show(challenge, totp=other.code(1))).status_code == 401
    assert (await holder.show(challenge, recovery_code=other.codes[0])).status_code == 401
    assert (await other.show_code(other.code(1))).status_code == 200


async def test_a_login_that_was_checked_before_the_factor_was_added_is_not_let_in_after_it(
    app: FastAPI, holder: Holder, sqlite_database: object
) -> None:
    class Slow(Hasher):
        async def verify(self, password: str, hashed: str | None) -> bool:
            app.state.appointed = replace(app.state.appointed, hasher=Hasher(4))
            await holder.add_totp()
            return await super().verify(password, hashed)

    app.state.appointed = replace(app.state.appointed, hasher=Slow(4))
    assert (await holder.enter_password()).json()["code"] == "second_factor_required"


# --- guessing --------------------------------------------------------------------------------------------------------


async def test_after_five_wrong_codes_even_the_right_one_waits(holder: Holder, clock: FixedClock) -> None:
    await holder.add_totp()
    challenge = await holder.challenge()
    assert [(await holder.show(challenge, totp=WRONG)).status_code for _ in range(5)] == [401] * 5
    early = await holder.show(challenge, totp=holder.code(1))
    assert (early.status_code, early.json()["code"], early.headers["retry-after"]) == (429, "too_many_requests", "30")
    assert (await holder.show(challenge, recovery_code=holder.codes[0])).status_code == 429
    clock.advance(timedelta(seconds=30))
    # One that came too early was not looked at, and so not used up.
    assert (await holder.show(challenge, totp=holder.code())).status_code == 200
    assert [(await holder.show_code(WRONG)).status_code for _ in range(4)] == [401] * 4
    assert (await holder.listed())["recovery_codes_left"] == 10


async def test_neither_the_right_password_nor_a_new_one_lets_codes_be_guessed_on(
    holder: Holder, clinic: Clinic, sqlite_database: object
) -> None:
    await holder.add_totp()
    assert [(await holder.show_code(WRONG)).status_code for _ in range(5)] == [401] * 5
    assert (await holder.show_code(holder.code(1))).status_code == 429
    await reset_password(holder, clinic)
    challenge = (await holder.enter_password(NEW)).json()["challenge"]
    assert (await holder.show(challenge, totp=holder.code(1))).status_code == 429


async def test_wrong_codes_do_not_hold_up_the_password_nor_wrong_passwords_the_code(
    holder: Holder, sqlite_database: object
) -> None:
    await holder.add_totp()
    challenge = await holder.challenge()
    for _ in range(5):
        await holder.enter_password("a wrong one")
    assert (await holder.enter_password()).status_code == 429
    assert (await holder.show(challenge, totp=holder.code(1))).status_code == 200
    # Nor can anybody count failures against somebody's codes by an invented address.
    for _ in range(6):
        form = {"username": f"second-factor {holder.who.user_id}", "password": "x"}
        await holder.client.post("/auth/login", data=form)
    assert (await holder.enter_password()).status_code == 429


# --- what does not go round it ---------------------------------------------------------------------------------------


async def test_a_new_password_by_mail_does_not_go_round_the_second_factor(holder: Holder, clinic: Clinic) -> None:
    await holder.add_totp()
    await reset_password(holder, clinic)
    owed = await holder.enter_password(NEW)
    assert (owed.status_code, owed.json()["code"]) == (401, "second_factor_required")
    assert (await holder.show(owed.json()["challenge"], totp=WRONG)).status_code == 401
    assert (await holder.listed())["code"] == "invalid_token"
    async with clinic.database.reads() as session:
        query = select(LoginSession).where(LoginSession.user_id == holder.who.user_id, LoginSession.ended_at.is_(None))
        assert (await session.scalars(query)).all() == []


async def test_who_adds_a_factor_is_logged_in_there_alone(holder: Holder, sqlite_database: object) -> None:
    elsewhere = await holder.enter_password()
    await holder.add_totp()
    assert (await holder.client.get("/auth/me", headers=bearer(elsewhere))).status_code == 401
    refreshed = await holder.post("/refresh", {}, refresh_token=elsewhere.json()["refresh_token"])
    assert refreshed.status_code == 401
    assert (await holder.client.get("/auth/me", headers=holder.headers)).status_code == 200


async def test_an_administrator_takes_the_factors_of_somebody_who_lost_them(
    holder: Holder, other: Holder, clinic: Clinic, sqlite_database: object
) -> None:
    admin = await clinic.staff(Role.ADMIN)
    for each in (holder, other):
        await each.add_totp()
        await each.add_passkey(Authenticator())
    for _ in range(5):
        await holder.show_code(WRONG)
    await letters(clinic)
    reset = await holder.client.delete(f"/users/{holder.who.user_id}/factors", headers=admin.headers)
    assert reset.status_code == 204
    assert (await holder.client.get("/auth/me", headers=holder.headers)).status_code == 401
    holder.headers = bearer(await holder.enter_password())
    assert await holder.listed() == {
        "totp_added_at": None, "passkeys": [], "recovery_codes_left": 0, "is_required": False}  # fmt: skip
    (row,) = await trail(clinic.database, "factor.reset")
    assert (row.actor_id, row.entity_id) == (admin.user_id, holder.who.user_id)
    (letter,) = await letters(clinic)
    assert letter["To"] == holder.who.email
    assert "The clinic has removed all your second factors." in text_of(letter)
    # What was counted against the lost ones holds up no new one.
    await holder.add_totp()
    assert (await other.enter_password()).json()["code"] == "second_factor_required"


async def test_an_administrator_removes_their_own_with_their_password(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    admin = holder_of(client, clinic, await clinic.staff(Role.ADMIN))
    await admin.add_totp()
    refused = await client.delete(f"/users/{admin.who.user_id}/factors", headers=admin.headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "own_factors")
    assert (await admin.listed())["totp_added_at"]


# --- who must --------------------------------------------------------------------------------------------------------


async def somebody(clinic: Clinic, role: Role) -> Person:
    return await clinic.patient() if role is Role.PATIENT else await clinic.staff(role)


@pytest.mark.parametrize(("required", "role", "must"), [
    ("off", Role.ADMIN, False), ("staff", Role.PATIENT, False), ("staff", Role.NURSE, True),
    ("staff", Role.AUDITOR, True), ("all", Role.PATIENT, True), ("all", Role.ADMIN, True),
])  # fmt: skip
async def test_who_must_have_a_second_factor_does_nothing_without(
    client: httpx.AsyncClient, clinic: Clinic, settings: Settings, sqlite_database: object, required: str, role: Role,
    must: bool,
) -> None:  # fmt: skip
    object.__setattr__(settings, "require_second_factor", SecondFactor(required))
    holder = holder_of(client, clinic, await somebody(clinic, role))
    asked = [await client.get(path, headers=holder.headers) for path in ("/appointments", "/rooms", "/slots")]
    refused = [answer.status_code == 403 and answer.json()["code"] == "second_factor_needed" for answer in asked]
    assert refused == [must] * 3
    assert (await client.get("/slots")).status_code == 422
    for path in ("/auth/me", "/auth/sessions", "/auth/factors"):
        assert (await client.get(path, headers=holder.headers)).status_code == 200
    assert (await holder.listed())["is_required"] is must
    await holder.add_totp()
    assert (await client.get("/slots", headers=holder.headers)).status_code == 422


async def test_a_session_that_was_opened_with_a_second_factor_stays_so(
    holder: Holder, clinic: Clinic, settings: Settings, sqlite_database: Database
) -> None:
    object.__setattr__(settings, "require_second_factor", SecondFactor.ALL)
    refused = await holder.client.get("/appointments", headers=holder.headers)
    assert refused.status_code == 403
    (row,) = await trail(sqlite_database, "GET /appointments")
    assert (row.outcome, row.actor_id) == ("second_factor_needed", holder.who.user_id)
    await holder.add_totp()
    for proof in ({"totp": holder.code(1)}, {"recovery_code": holder.codes[0]}):
        pair = (await holder.show(await holder.challenge(), **proof)).json()
        again = await holder.post("/refresh", {}, refresh_token=pair["refresh_token"])
        assert (await holder.client.get("/appointments", headers=bearer(again))).status_code == 200


# --- what is told ----------------------------------------------------------------------------------------------------


async def test_the_trail_says_what_was_done_with_second_factors(holder: Holder, sqlite_database: Database) -> None:
    await holder.add_totp()
    await holder.add_passkey(authenticator := Authenticator())
    await holder.show_code(WRONG)
    await holder.show_code(holder.code(1))
    await holder.show(await holder.challenge(), recovery_code=holder.codes[0])
    await holder.log_in_with(authenticator.show(await holder.login_options()))
    await holder.delete("/totp")
    rows = await trail(sqlite_database, "factor.begin", "factor.add", "factor.remove", "factor.use-code",
                       "session.second-factor", "session.open")  # fmt: skip
    rows = [row for row in rows if holder.who.user_id in (row.actor_id, row.entity_id)]
    assert [(row.action, row.outcome, row.detail.get("method")) for row in rows] == [
        ("session.open", "done", "password"),
        ("factor.begin", "done", "totp"),
        ("factor.add", "done", "totp"),
        ("factor.begin", "done", "passkey"),
        ("factor.add", "done", "passkey"),
        ("session.second-factor", "invalid_second_factor", None),
        ("session.open", "done", "totp"),
        ("factor.use-code", "done", None),
        ("session.open", "done", "recovery_code"),
        ("session.open", "done", "passkey"),
        ("factor.remove", "done", "totp"),
    ]


async def test_whoever_it_is_done_to_is_told_by_mail(holder: Holder, clinic: Clinic, sqlite_database: object) -> None:
    await holder.add_totp()
    added = await holder.add_passkey(Authenticator())
    holder.codes = tuple((await holder.post("/recovery-codes", current_password=PASSWORD)).json()["recovery_codes"])
    await holder.show(await holder.challenge(), recovery_code=holder.codes[0])
    await holder.delete("/totp")
    await holder.delete(f"/passkeys/{added['id']}")
    sent = await letters(clinic)
    assert {(each["To"], each["Subject"]) for each in sent} == {
        (holder.who.email, "How you log in at Appointed Clinic was changed")}  # fmt: skip
    said = [text_of(each).splitlines()[3] for each in sent]
    assert sorted(said) == sorted([
        "An authenticator app was added as your second factor.", "A passkey was added.",
        "You got new recovery codes; the old ones are void.", "Somebody logged in with one of your recovery codes.",
        "Your authenticator app was removed.", "A passkey was removed.",
    ])  # fmt: skip


async def test_a_lone_administrator_is_helped_by_whoever_runs_the_server(
    client: httpx.AsyncClient, clinic: Clinic, settings: Settings, tmp_path: Path, sqlite_database: object
) -> None:
    admin = holder_of(client, clinic, await clinic.staff(Role.ADMIN))
    await admin.add_totp()
    code, said = await run(tmp_path, environment_of(settings), "user", "reset-factors", admin.who.email)
    assert (code, said) == (0, f"{admin.who.email} has no second factor and is logged out everywhere.")
    assert (await admin.enter_password()).status_code == 200
