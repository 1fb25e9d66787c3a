"""What a route asks for is had without a thread: FastAPI runs whatever is not `async` in one."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from appointed.app import ROUTERS


def _asked_for(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for each in dependant.dependencies:
        assert each.call
        yield each.call
        yield from _asked_for(each)


def _runs_in_a_thread(call: Any) -> bool:
    # An instance with an `async def __call__` is awaited too.
    either = (call, getattr(call, "__call__", None))  # noqa: B004 - the method itself is wanted
    return not any(inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one) for one in either)


def test_no_dependency_and_no_route_runs_in_a_thread() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    calls = {call for route in routes for call in (route.endpoint, *_asked_for(route.dependant))}
    assert len(calls) > len(routes) > 10
    assert not [call for call in calls if _runs_in_a_thread(call)]
