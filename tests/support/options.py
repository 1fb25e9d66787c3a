"""The same application in a clinic that has set something else."""

from dataclasses import replace
from typing import Any

from fastapi import FastAPI

from appointed.core.settings import Settings


def set_options(app: FastAPI, **options: Any) -> Settings:
    """From the next request on, and until the test is over."""
    state = app.state.appointed
    settings: Settings = state.settings.model_copy(update=options)
    app.state.appointed = replace(state, settings=settings)
    return settings
