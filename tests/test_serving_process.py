"""A process that does nothing but serve the application."""

import asyncio
import sys
from pathlib import Path

from .support.fixtures import settings_of
from .support.server import environment_of

# What the command would have uvicorn serve, and then what is looked through for garbage in such a process.
ASKED = """
import gc
import uvicorn
from uvicorn.importer import import_from_string
from appointed import cli

named = []
uvicorn.run = lambda name, **_: named.append(name)
cli.serve(workers=1)
import_from_string(named[0])()
print(gc.get_freeze_count(), len(gc.get_objects()))
"""


async def test_a_serving_process_does_not_look_through_its_own_code_for_garbage(tmp_path: Path) -> None:
    environment = environment_of(settings_of(tmp_path), ENVIRONMENT="production", BCRYPT_COST="12")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ASKED, cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    frozen, looked_through = map(int, output.split()[-2:])
    assert frozen > 100 * looked_through, output.decode()
