"""What no route answers to is refused, and nothing of it is sent back."""

from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from ..access.requests import PARAMETER
from ..access.routes import routes_of
from ..test_bad_input import faults_of


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "NONSENSE"])
async def test_a_method_that_no_route_knows_is_refused_everywhere(
    method: str, app: FastAPI, client: httpx.AsyncClient, sqlite_database: object
) -> None:
    paths = {PARAMETER.sub(str(uuid4()), route.split()[1]) for route in routes_of(app)}
    assert len(paths) > 60
    for path in paths:
        answer = await client.request(method, path, headers={"x-mine": "echo-me"})
        assert not faults_of(answer, 405, "method_not_allowed"), path
        assert {"TRACE", "CONNECT"}.isdisjoint(answer.headers["allow"].split(", ")), path
        assert answer.headers["allow"], path
        assert "echo-me" not in answer.text + str(answer.headers)
