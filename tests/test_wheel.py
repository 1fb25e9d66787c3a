"""An installed copy works by itself: built as a wheel, installed, and run from an empty folder."""

import re
import sqlite3
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from appointed import __version__, migrations

from .support.server import serving

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "appointed"


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    """What the command prints; it has nothing of this checkout to fall back on."""
    ended = subprocess.run(
        command, cwd=folder, env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the locked build backend, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ROOT, folder=folder)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `appointed` command of an environment that has the libraries of this one, and of this project the wheel."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", wheel,
        folder=folder)  # fmt: skip
    [packages] = folder.glob("lib/python*/site-packages")
    # Only the folder itself is added: what makes this checkout importable from there is not read a second time.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = run(python, "-c", "import appointed; print(appointed.__file__)", folder=folder)
    assert where.startswith(str(packages))
    return folder / "bin" / "appointed"


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        packed = {name for name in opened.namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", PACKAGE],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if tracked.returncode:
        pytest.skip("this is no git checkout, so nothing says which files belong to the package")
    assert packed == {line.removeprefix("src/") for line in tracked.stdout.splitlines() if (ROOT / line).exists()}
    assert "appointed/py.typed" in packed


def test_the_wheel_says_what_it_needs_and_under_which_licence(wheel: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        [metadata] = [opened.read(name).decode() for name in names if name.endswith(".dist-info/METADATA")]
    assert re.search(rf"(?m)^Version: {re.escape(project['version'])}$", metadata)
    assert re.search(r"(?m)^License-Expression: MIT$", metadata)
    assert len(re.findall(r"(?m)^Requires-Dist: [^;\n]*$", metadata)) == len(project["dependencies"])
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_an_installed_copy_says_its_version(installed: Path, tmp_path: Path) -> None:
    assert run(installed, "version", folder=tmp_path).strip() == __version__
    assert list(tmp_path.iterdir()) == []


def test_an_installed_copy_migrates_a_database_of_its_own(installed: Path, tmp_path: Path) -> None:
    for _ in range(2):
        run(installed, "migrate", folder=tmp_path)
    with sqlite3.connect(tmp_path / "var" / "appointed.sqlite3") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(migrations.head(),)]
        assert connection.execute("SELECT count(*) FROM locations").fetchone() == (1,)
    connection.close()


async def test_an_installed_copy_serves_its_pages_and_what_they_are_made_of(installed: Path, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin"}
    async with (
        serving(environment, tmp_path, command=[installed, "serve"]) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        page = (await client.get("/docs")).raise_for_status().text
        parts = re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css)[^"]*)"', page)
        assert parts
        for part in parts:
            assert (await client.get(part)).raise_for_status().content
