"""Somebody with second factors, who logs in with them."""

from dataclasses import dataclass
from typing import Any

import httpx

from appointed.accounts.factors import totp
from appointed.accounts.factors.rules import STEP_SECONDS
from appointed.core.clock import Clock

from .authenticator import Authenticator
from .factories import PASSWORD, Clinic, Person


@dataclass(slots=True)
class Holder:
    """A person at their browser. `headers` are those of the session in which they have added what they have."""

    client: httpx.AsyncClient
    clock: Clock
    who: Person
    headers: dict[str, str]
    key: str = ""
    codes: tuple[str, ...] = ()

    async def post(self, path: str, _headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        headers = self.headers if _headers is None else _headers
        return await self.client.post(f"/auth{path}", json=body, headers=headers)

    async def delete(self, path: str, password: str = PASSWORD) -> httpx.Response:
        return await self.client.request("DELETE", f"/auth{path}", json={"current_password": password},
                                         headers=self.headers)  # fmt: skip

    async def add_totp(self) -> "Holder":
        begun = await self.post("/totp", current_password=PASSWORD)
        assert begun.status_code == 200, begun.text
        self.key = begun.json()["key"]
        confirmed = await self.post("/totp/confirm", code=self.code())
        assert confirmed.status_code == 200, confirmed.text
        self.codes = tuple(confirmed.json()["recovery_codes"]) or self.codes
        return self

    async def passkey_options(self) -> Any:
        begun = await self.post("/passkeys/options", current_password=PASSWORD)
        assert begun.status_code == 200, begun.text
        return begun.json()["public_key"]

    async def add_passkey(self, authenticator: Authenticator, name: str = "Work laptop") -> Any:
        credential = authenticator.make(await self.passkey_options())
        added = await self.post("/passkeys", name=name, credential=credential)
        assert added.status_code == 201, added.text
        self.codes = tuple(added.json()["recovery_codes"]) or self.codes
        return added.json()

    def code(self, ahead: int = 0) -> str:
        """What the app shows now, or so many steps later."""
        return code_now(self.key, self.clock, ahead=ahead)

    async def enter_password(self, password: str = PASSWORD) -> httpx.Response:
        return await self.client.post("/auth/login", data={"username": self.who.email, "password": password})

    async def challenge(self) -> str:
        """What the first half of a login is answered with."""
        owed = await self.enter_password()
        assert (owed.status_code, owed.json()["code"]) == (401, "second_factor_required"), owed.text
        challenge: str = owed.json()["challenge"]
        return challenge

    async def show(self, challenge: str, **proof: Any) -> httpx.Response:
        return await self.post("/login/second-factor", {}, challenge=challenge, **proof)

    async def show_code(self, code: str) -> httpx.Response:
        return await self.show(await self.challenge(), totp=code)

    async def options_for(self, challenge: str) -> Any:
        answer = await self.post("/login/second-factor/options", {}, challenge=challenge)
        assert answer.status_code == 200, answer.text
        return answer.json()["public_key"]

    async def login_options(self) -> Any:
        return (await self.client.post("/auth/login/passkey/options")).json()["public_key"]

    async def log_in_with(self, credential: dict[str, Any]) -> httpx.Response:
        return await self.post("/login/passkey", {}, credential=credential)

    async def listed(self) -> Any:
        return (await self.client.get("/auth/factors", headers=self.headers)).json()


def code_now(key: str, clock: Clock, *, ahead: int = 0) -> str:
    """The code of a key at this time, or so many steps later."""
    return totp.code_at(key, int(clock.now().timestamp()) // STEP_SECONDS + ahead)


def holder_of(client: httpx.AsyncClient, clinic: Clinic, who: Person) -> Holder:
    return Holder(client, clinic.clock, who, dict(who.headers))


def bearer(answer: httpx.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
