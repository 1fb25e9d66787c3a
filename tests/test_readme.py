"""The README's first booking, word for word."""

import asyncio
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from .support.fixtures import settings_of
from .support.server import environment_of, serving

README = Path(__file__).parent.parent / "README.md"
ADDRESS = "http://127.0.0.1:8000"
MARK = "--- answered ---"
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Step:
    """A command of the README and the answer that stands below it."""

    command: str
    answer: str


def steps() -> list[Step]:
    blocks = re.findall(r"```console\n(.*?)```", README.read_text(), re.DOTALL)
    found: list[Step] = []
    for line in "".join(blocks).splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:], ""))
        else:
            found[-1] = Step(found[-1].command, f"{found[-1].answer}{line}\n")
    return found


def masked(text: str) -> str:
    """What is different each time, made the same."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>", text)


async def test_the_first_booking_goes_as_the_readme_says(tmp_path: Path) -> None:
    walk = steps()
    assert len(walk) > 15
    (tmp_path / ".venv").symlink_to(sys.prefix)
    settings = settings_of(Path("var"), bcrypt_cost=4)
    environment = environment_of(settings) | {"PATH": os.environ["PATH"]}
    async with serving(environment, tmp_path) as server:
        script = "".join(f"{step.command}\necho '{MARK}'\n" for step in walk).replace(ADDRESS, server.url)
        shell = await asyncio.create_subprocess_exec(
            "bash", "-c", script, cwd=tmp_path, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(shell.communicate(), SECONDS)
    answers = output.decode().split(f"{MARK}\n")
    for step, answer in zip(walk, answers, strict=False):
        said = answer if not answer or answer.endswith("\n") else f"{answer}\n"
        assert masked(said) == masked(step.answer), step.command


@pytest.mark.parametrize("name", re.findall(r"\]\(((?!http)[^)#]+)\)", README.read_text()))
def test_what_the_readme_points_at_is_there(name: str) -> None:
    assert (README.parent / name).exists()
