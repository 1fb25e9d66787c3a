"""Passkeys: added, asked for alone and after the password, refused for whatever is not as it must be."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from appointed.accounts.actor import Role
from appointed.accounts.factors.models import Passkey
from appointed.accounts.factors.passkeys import Site
from appointed.accounts.factors.rules import MOST_PASSKEYS
from appointed.audit.models import AuditEvent
from appointed.core.db import Database, transaction
from appointed.core.ids import new_id

from ..exports.test_routes import archive_of
from ..support.authenticator import Authenticator, text
from ..support.clock import FixedClock
from ..support.factories import PASSWORD, Clinic
from ..support.factors import Holder, bearer, holder_of

Lies = dict[str, Any]
ELSEWHERE = "https://clinic.example.com"


@pytest.mark.parametrize(("url", "host", "origin"), [
    ("https://clinic.example.org/", "clinic.example.org", "https://clinic.example.org"),
    ("https://Clinic.example.org:443/app", "clinic.example.org", "https://clinic.example.org"),
    ("http://localhost:8000", "localhost", "http://localhost:8000"),
    ("http://localhost:80", "localhost", "http://localhost"),
    ("http://[::1]:8000", "::1", "http://[::1]:8000"),
])  # fmt: skip
def test_passkeys_are_for_the_host_of_the_public_address(url: str, host: str, origin: str) -> None:
    site = Site.at(url, "Clinic")
    assert (site.host, site.origin) == (host, origin)


# --- adding ----------------------------------------------------------------------------------------------------------


async def test_a_passkey_is_added_listed_renamed_and_removed(holder: Holder, sqlite_database: object) -> None:
    elsewhere = bearer(await holder.enter_password())
    options = await holder.passkey_options()
    assert (options["rp"]["id"], options["user"]["name"]) == ("127.0.0.1", holder.who.email)
    assert options["authenticatorSelection"]["userVerification"] == "required"
    added = await holder.add_passkey(Authenticator())
    assert (added["name"], len(added["recovery_codes"])) == ("Work laptop", 10)
    assert (await holder.client.get("/auth/me", headers=elsewhere)).status_code == 401
    path = f"/auth/passkeys/{added['id']}"
    renamed = await holder.client.patch(path, json={"name": "Old laptop"}, headers=holder.headers)
    assert renamed.json()["name"] == "Old laptop"
    assert [each["name"] for each in (await holder.listed())["passkeys"]] == ["Old laptop"]
    assert (await holder.delete(f"/passkeys/{added['id']}", "a wrong one")).status_code == 422
    assert (await holder.delete(f"/passkeys/{added['id']}")).status_code == 204
    assert await holder.listed() | {"is_required": None} == {
        "totp_added_at": None, "passkeys": [], "recovery_codes_left": 0, "is_required": None}  # fmt: skip
    assert (await holder.enter_password()).status_code == 200


@pytest.mark.parametrize(("lies", "is_spent"), [
    ({"rp_id": "clinic.example.com"}, False), ({"type": "webauthn.get"}, False),
    ({"challenge": text(bytes(32))}, True),
], ids=str)  # fmt: skip
async def test_a_passkey_that_was_made_for_something_else_is_not_added(
    holder: Holder, sqlite_database: object, lies: Lies, is_spent: bool
) -> None:
    credential = Authenticator().make(await holder.passkey_options(), **lies)
    await refused_to_add(holder, credential, *((410, "challenge_spent") if is_spent else (422, "passkey_invalid")))


async def refused_to_add(holder: Holder, credential: Any, status: int, code: str) -> None:
    refused = await holder.post("/passkeys", name="Work laptop", credential=credential)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await holder.listed())["passkeys"] == []
    assert (await holder.enter_password()).status_code == 200


async def test_a_passkey_of_another_page_or_without_its_user_is_not_added(
    holder: Holder, sqlite_database: Database
) -> None:
    for authenticator in (Authenticator(origin=ELSEWHERE), Authenticator(verifies=False)):
        await refused_to_add(holder, authenticator.make(await holder.passkey_options()), 422, "passkey_invalid")
    async with sqlite_database.reads() as session:
        rows = (await session.scalars(select(AuditEvent).where(AuditEvent.outcome == "passkey_invalid"))).all()
    assert [(row.action, row.actor_id, row.entity_id) for row in rows] == [
        ("factor.add", holder.who.user_id, holder.who.user_id)] * 2  # fmt: skip


async def test_a_challenge_for_a_passkey_works_once_for_five_minutes_and_for_who_asked(
    holder: Holder, other: Holder, clock: FixedClock, sqlite_database: object
) -> None:
    invalid = Authenticator(verifies=False).make(options := await holder.passkey_options())
    await refused_to_add(holder, invalid, 422, "passkey_invalid")
    await refused_to_add(holder, Authenticator().make(options), 410, "challenge_spent")
    options = await holder.passkey_options()
    await refused_to_add(other, Authenticator().make(options), 410, "challenge_spent")
    clock.advance(timedelta(minutes=5))
    await refused_to_add(holder, Authenticator().make(options), 410, "challenge_spent")
    await refused_to_add(holder, Authenticator().make(options, challenge=(await holder.login_options())["challenge"]),
                         410, "challenge_spent")  # fmt: skip


async def test_a_passkey_is_added_once(holder: Holder, other: Holder, sqlite_database: object) -> None:
    authenticator = Authenticator()
    await holder.add_passkey(authenticator)
    options = await holder.passkey_options()
    assert [each["id"] for each in options["excludeCredentials"]] == [text(authenticator.credential_id)]
    for who in (holder, other):
        credential = authenticator.make(await who.passkey_options())
        known = await who.post("/passkeys", name="Again", credential=credential)
        assert (known.status_code, known.json()["code"]) == (409, "passkey_known")


async def test_nobody_has_passkeys_without_end(holder: Holder, clinic: Clinic, sqlite_database: object) -> None:
    credential = Authenticator().make(await holder.passkey_options())
    async with transaction(clinic.database.writes) as session:
        session.add_all(
            Passkey(id=new_id(), user_id=holder.who.user_id, name="One more", credential_id="x", public_key="x",
                    credential_hash=number.to_bytes(32), sign_count=0, created_at=clinic.clock.now())
            for number in range(MOST_PASSKEYS)
        )  # fmt: skip
    assert (await holder.post("/passkeys", name="Last", credential=credential)).json()["code"] == "too_many_passkeys"
    asked = await holder.post("/passkeys/options", current_password=PASSWORD)
    assert (asked.status_code, asked.json()["code"]) == (409, "too_many_passkeys")


async def test_somebody_elses_passkey_is_not_there(holder: Holder, other: Holder, sqlite_database: object) -> None:
    theirs = (await other.add_passkey(Authenticator()))["id"]
    for id_ in (theirs, uuid4()):
        renamed = await holder.client.patch(f"/auth/passkeys/{id_}", json={"name": "Mine"}, headers=holder.headers)
        assert [renamed.status_code, (await holder.delete(f"/passkeys/{id_}")).status_code] == [404, 404]
    assert [each["name"] for each in (await other.listed())["passkeys"]] == ["Work laptop"]


async def test_a_patient_takes_out_what_is_kept_of_their_passkeys(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    holder = holder_of(client, clinic, await clinic.patient())
    added = await holder.add_passkey(Authenticator(count=7))
    (kept,) = (await archive_of(client, holder.who, by=holder.who))["passkeys"]
    assert kept.keys() == {"id", "user_id", "name", "sign_count", "created_at", "last_used_at"}
    assert (kept["id"], kept["name"], kept["sign_count"]) == (added["id"], "Work laptop", 7)


# --- alone -----------------------------------------------------------------------------------------------------------


async def test_a_passkey_logs_in_by_itself(holder: Holder, clock: FixedClock) -> None:
    await holder.add_passkey(authenticator := Authenticator())
    clock.advance(timedelta(minutes=1))
    options = await holder.login_options()
    assert (options["allowCredentials"], options["userVerification"], options["rpId"]) == ([], "required", "127.0.0.1")
    login = await holder.log_in_with(authenticator.show(options))
    assert login.status_code == 200, login.text
    assert (await holder.client.get("/auth/me", headers=bearer(login))).json()["email"] == holder.who.email
    assert [each["last_used_at"] for each in (await holder.listed())["passkeys"]] == ["2031-03-03T08:01:00Z"]


@pytest.mark.parametrize(("lies", "status", "code"), [
    ({"rp_id": "clinic.example.com"}, 401, "passkey_refused"), ({"type": "webauthn.create"}, 401, "passkey_refused"),
    ({"user_id": text(bytes(16))}, 401, "passkey_refused"),
    ({"challenge": text(bytes(32))}, 410, "challenge_spent"), ({"challenge": "%"}, 410, "challenge_spent"),
], ids=str)  # fmt: skip
async def test_what_was_signed_for_something_else_lets_nobody_in(
    holder: Holder, sqlite_database: object, lies: Lies, status: int, code: str
) -> None:
    await holder.add_passkey(authenticator := Authenticator())
    refused = await holder.log_in_with(authenticator.show(await holder.login_options(), **lies))
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await holder.log_in_with(authenticator.show(await holder.login_options()))).status_code == 200


async def test_another_page_a_missing_user_and_another_key_let_nobody_in(
    holder: Holder, sqlite_database: Database
) -> None:
    await holder.add_passkey(authenticator := Authenticator())
    forged = Authenticator(credential_id=authenticator.credential_id, user_id=authenticator.user_id, count=50)
    unknown = Authenticator(user_id=authenticator.user_id)
    for change in ({"origin": ELSEWHERE}, {"origin": "http://127.0.0.1:8001"}, {"verifies": False}):
        before = {name: getattr(authenticator, name) for name in change}
        for name, value in change.items():
            setattr(authenticator, name, value)
        refused = await holder.log_in_with(authenticator.show(await holder.login_options()))
        assert (refused.status_code, refused.json()["code"]) == (401, "passkey_refused"), change
        for name, value in before.items():
            setattr(authenticator, name, value)
    answers = [await holder.log_in_with(each.show(await holder.login_options())) for each in (forged, unknown)]
    assert {(each.status_code, each.content) for each in answers} == {(401, refused.content)}
    async with sqlite_database.reads() as session:
        rows = (await session.scalars(select(AuditEvent).where(AuditEvent.outcome == "passkey_refused"))).all()
    assert [row.entity_id for row in rows] == [holder.who.user_id] * 4 + [None]
    assert (await holder.log_in_with(authenticator.show(await holder.login_options()))).status_code == 200


async def test_what_was_shown_once_is_worth_nothing_again(
    holder: Holder, clock: FixedClock, sqlite_database: object
) -> None:
    await holder.add_passkey(authenticator := Authenticator(count=None))
    shown = authenticator.show(await holder.login_options())
    assert (await holder.log_in_with(shown)).status_code == 200
    again = await holder.log_in_with(shown)
    assert (again.status_code, again.json()["code"]) == (410, "challenge_spent")
    # The old signature under a new challenge.
    new = authenticator.show(await holder.login_options())
    new["response"]["signature"] = shown["response"]["signature"]
    assert (await holder.log_in_with(new)).status_code == 401
    # A try that failed has used its challenge up too.
    retried = authenticator.show(options := await holder.login_options(), rp_id="clinic.example.com")
    assert (await holder.log_in_with(retried)).status_code == 401
    assert (await holder.log_in_with(authenticator.show(options))).status_code == 410
    late = authenticator.show(await holder.login_options())
    clock.advance(timedelta(minutes=5))
    assert (await holder.log_in_with(late)).status_code == 410


async def test_a_counter_that_goes_backwards_is_refused_and_recorded(holder: Holder, sqlite_database: Database) -> None:
    await holder.add_passkey(authenticator := Authenticator(count=7))
    for count in (7, 3, 6):
        authenticator.count = count - 1
        refused = await holder.log_in_with(authenticator.show(await holder.login_options()))
        assert (refused.status_code, refused.json()["code"]) == (401, "passkey_copied"), count
    authenticator.count = 5
    challenge = await holder.challenge()
    copied = await holder.show(challenge, passkey=authenticator.show(await holder.options_for(challenge)))
    assert copied.json()["code"] == "passkey_copied"
    async with sqlite_database.reads() as session:
        rows = (await session.scalars(select(AuditEvent).where(AuditEvent.outcome == "passkey_copied"))).all()
    assert [(row.action, row.entity_id) for row in rows] == [("session.open", holder.who.user_id)] * 3 + [
        ("session.second-factor", holder.who.user_id)
    ]
    authenticator.count = 7
    assert (await holder.log_in_with(authenticator.show(await holder.login_options()))).status_code == 200


async def test_a_disabled_account_is_not_let_in_by_its_passkey(
    holder: Holder, clinic: Clinic, sqlite_database: object
) -> None:
    await holder.add_passkey(authenticator := Authenticator())
    admin = await clinic.staff(Role.ADMIN)
    await holder.client.delete(f"/users/{holder.who.user_id}", headers=admin.headers)
    refused = await holder.log_in_with(authenticator.show(await holder.login_options()))
    assert (refused.status_code, refused.json()["code"]) == (401, "passkey_refused")


# --- after the password ----------------------------------------------------------------------------------------------


async def test_a_passkey_is_shown_after_the_password(holder: Holder) -> None:
    await holder.add_passkey(authenticator := Authenticator())
    owed = (await holder.enter_password()).json()
    assert owed["methods"] == ["passkey", "recovery_code"]
    options = await holder.options_for(owed["challenge"])
    assert [each["id"] for each in options["allowCredentials"]] == [text(authenticator.credential_id)]
    # Who has shown the password need not prove themselves to the passkey again.
    authenticator.verifies = False
    shown = authenticator.show(options)
    assert (await holder.show(owed["challenge"], passkey=shown)).status_code == 200
    assert (await holder.show(owed["challenge"], passkey=shown)).status_code == 410


async def test_after_the_password_too_it_must_be_meant_for_this_login_and_be_the_users(
    holder: Holder, other: Holder, sqlite_database: object
) -> None:
    await holder.add_passkey(authenticator := Authenticator())
    await other.add_passkey(theirs := Authenticator())
    challenge = await holder.challenge()
    options = await holder.options_for(challenge)
    shown = [
        theirs.show(options), theirs.show(options, user_id=authenticator.user_id),
        authenticator.show(options, rp_id="clinic.example.com"),
        authenticator.show(options, challenge=await holder.challenge()),
    ]  # fmt: skip
    answers = [await holder.show(challenge, passkey=each) for each in shown]
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(401, "invalid_second_factor")] * 4
    assert (await holder.show(challenge, passkey=authenticator.show(options))).status_code == 200


async def test_an_app_alone_has_no_passkey_to_ask_for(holder: Holder, sqlite_database: object) -> None:
    await holder.add_totp()
    asked = await holder.post("/login/second-factor/options", {}, challenge=await holder.challenge())
    assert (asked.status_code, asked.json()["code"]) == (410, "challenge_spent")
