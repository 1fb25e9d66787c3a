"""Nothing that is one value can be given twice; what is a list can."""

from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI

from appointed.accounts.actor import Role

from ..support.browser import Browser
from ..support.factories import PASSWORD, Clinic
from ..test_bad_text import operations

# What may be given several times, in all of the API.
LISTS = {"GET /appointments status", "GET /availability kind"} | {
    f"GET {path} {name}" for path in ("/slots", "/slots/days") for name in ("doctor_id", "patient_id", "weekday")
}


def parameters(app: FastAPI) -> dict[str, dict[str, Any]]:
    return {
        f"{route} {parameter['name']}": parameter["schema"]
        for route, operation in operations(app)
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    }


def twice_in(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 422
    return [(field["name"], field["code"]) for field in answer.json()["fields"]]


async def test_no_parameter_of_any_route_is_taken_twice(
    app: FastAPI, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    known = parameters(app)
    assert len(known) > 60
    assert {name for name, schema in known.items() if "array" in str(schema)} == LISTS
    for each in known.keys() - LISTS:
        method, path, name = each.split()
        answer = await client.request(method, path, params=[(name, "1"), (name, "1")])
        assert twice_in(answer) == [(name, "repeated")], each


async def test_a_list_is_given_by_repeating_it(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    desk, doctor = await clinic.staff(Role.RECEPTIONIST), await clinic.doctor()
    asked: Any = {
        "/appointments": [("status", "booked"), ("status", "arrived")],
        "/availability": [("doctor_id", str(doctor.profile_id)), ("kind", "open"), ("kind", "closed")],
    }
    for path, values in asked.items():
        answer = await client.get(path, params=values, headers=dict(desk.headers))
        assert answer.status_code == 200, answer.text


async def test_the_names_are_read_as_they_are_meant(client: httpx.AsyncClient, sqlite_database: object) -> None:
    answer = await client.get("/doctors?x=1&x=2&limit=1&q=a&%71=&%6cimit=2")
    assert twice_in(answer) == [("limit", "repeated"), ("q", "repeated")]


@pytest.mark.parametrize("kind", ["urlencoded", "multipart"])
async def test_no_field_of_a_form_is_taken_twice(
    kind: str, client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    nurse = await clinic.staff(Role.NURSE)
    fields = [("username", nurse.email), ("password", "wrong"), ("password", PASSWORD)]
    if kind == "multipart":
        answer = await client.post("/auth/login", files=[(name, (None, text)) for name, text in fields])
    else:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await client.post("/auth/login", content=urlencode(fields), headers=headers)
    assert twice_in(answer) == [("password", "repeated")]
    assert PASSWORD not in answer.text


async def test_no_field_of_a_page_is_taken_twice(
    client: httpx.AsyncClient, clinic: Clinic, sqlite_database: object
) -> None:
    nurse, browser = await clinic.staff(Role.NURSE), Browser(client)
    await browser.open("/login")
    form: Any = {**browser.hidden("/login"), "email": nurse.email, "password": PASSWORD}
    for name in form:
        twice: Any = {**form, name: [form[name], form[name]]}
        answer = await browser.post("/login", twice)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8"), name
    assert (await browser.post("/login", form)).status_code == 303
