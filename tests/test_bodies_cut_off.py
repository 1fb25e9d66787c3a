"""A request whose body did not arrive as a whole is not carried out."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from starlette.types import Message

from appointed.appointments.models import Appointment

from .support.clock import FixedClock
from .support.factories import Clinic


@pytest.mark.parametrize("arrived", [b"", b'{"reason": "I am'])
async def test_a_cancelling_whose_reason_is_cut_off_cancels_nothing(
    app: FastAPI, clinic: Clinic, clock: FixedClock, sqlite_database: object, arrived: bytes
) -> None:
    doctor, patient = await clinic.doctor(), await clinic.patient()
    visit = await clinic.visit(patient, doctor, clock.now() + timedelta(hours=2))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"40"),
               (b"authorization", patient.headers["Authorization"].encode())]  # fmt: skip
    path = f"/appointments/{visit.id}/cancel"
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
             "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
             "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}  # fmt: skip
    left: list[Message] = [{"type": "http.request", "body": arrived, "more_body": True}]
    sent: list[Message] = []

    async def receive() -> Message:
        return left.pop() if left else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    async with clinic.database.reads() as session:
        assert (await session.get_one(Appointment, visit.id)).status == "booked"
    assert sent == []
