"""`.env.example` names every setting, explains it, and shows its true default."""

import base64
import re
from itertools import pairwise
from pathlib import Path

import pytest

from appointed.core.settings import Settings

EXAMPLE = Path(__file__).parent.parent / ".env.example"
TO_FILL_IN = {
    "MYSQL_ROOT_PASSWORD", "MYSQL_USER", "MYSQL_PASSWORD", "MYSQL_DATABASE", "ADMIN_EMAIL", "ADMIN_PASSWORD",
    "EMAIL_ADDRESS", "EMAIL_PASSWORD", "SECRET_KEY",
}  # fmt: skip
COMPOSE_ONLY = {"MYSQL_ROOT_PASSWORD", "SITE_ADDRESS", "COMPOSE_PROFILES"}


def examples() -> dict[str, tuple[str, str]]:
    """Each setting: the value beside it and the line above it."""
    lines = EXAMPLE.read_text().splitlines()
    found = [(re.fullmatch(r"#?([A-Z_]+)=(.*)", line), above) for above, line in pairwise(lines)]
    return {match[1]: (match[2], above) for match, above in found if match}


def test_every_setting_is_named_and_explained() -> None:
    assert set(examples()) == {field.upper() for field in Settings.model_fields} | COMPOSE_ONLY
    for name, (_, above) in examples().items():
        assert re.match(r"# \S.{10,}", above), f"{name} is not explained"


def test_what_compose_needs_is_left_to_be_filled_in_and_the_rest_is_left_out() -> None:
    text = EXAMPLE.read_text()
    assert set(re.findall(r"(?m)^([A-Z_]+)=$", text)) == TO_FILL_IN
    assert not re.findall(r"(?m)^[A-Z_]+=.+$", text)


SHOWN = [n for n, f in Settings.model_fields.items() if f.default is not None and examples()[n.upper()][0]]


@pytest.mark.parametrize("name", SHOWN)
def test_the_default_shown_is_the_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
    monkeypatch.setenv("SECRET_KEY", "k" * 32)
    monkeypatch.setenv("DATA_KEY", base64.b64encode(bytes(32)).decode())
    monkeypatch.setenv(name.upper(), examples()[name.upper()][0])
    assert getattr(Settings(_env_file=None), name) == Settings.model_fields[name].default
