"""The container files: what they ask for, what they start, and what they keep closed."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic import SecretStr

from appointed import cli
from appointed.core.settings import Settings

ROOT = Path(__file__).parent.parent
NINE = {
    "MYSQL_ROOT_PASSWORD": "root's own",
    "MYSQL_USER": "clinic",
    "MYSQL_PASSWORD": "p@ss:w/rd#%41",
    "MYSQL_DATABASE": "appointments",
    "ADMIN_EMAIL": "admin@example.org",
    "ADMIN_PASSWORD": "a long enough one",
    "EMAIL_ADDRESS": "clinic@gmail.com",
    "EMAIL_PASSWORD": "app password",
    "SECRET_KEY": "k" * 48,
}
OURS = ["keys", "migrate", "app", "worker", "beat"]
SETTLED_BY_COMPOSE = {"DATABASE_URL", "DATA_KEY", "DATA_KEY_COMMAND", "MYSQL_PORT"}  # its own database, its own key
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<mark>:?[-?+])(?P<word>[^}]*))?\})")

Tree = dict[str, Any]


# --- reading the files as Compose does -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Override:
    """What `!override` marks: it takes the place of what lies below instead of being merged with it."""

    value: Any


class Loader(yaml.SafeLoader):
    pass


def _override(loader: Any, node: yaml.Node) -> Override:
    is_mapping = isinstance(node, yaml.MappingNode)
    return Override((loader.construct_mapping if is_mapping else loader.construct_sequence)(node, deep=True))


yaml.add_constructor("!override", _override, Loader=Loader)


def parsed(name: str) -> Tree:
    tree = yaml.load((ROOT / name).read_text(), Loader=Loader)  # noqa: S506 - it is a SafeLoader
    assert isinstance(tree, dict)
    return tree


def merged(below: Any, above: Any, key: str = "") -> Any:
    """Compose's rules as far as these files use them: mappings merge, commands and tests are replaced, lists grow."""
    if isinstance(above, Override):
        return above.value
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {name: merged(below.get(name), value, name) for name, value in above.items()}
    if isinstance(below, list) and isinstance(above, list) and key not in {"command", "entrypoint", "test"}:
        return below + above
    return above


def expanded(value: Any, env: dict[str, str]) -> Any:
    """The tree with its `${…}` filled in; a missing one without a default stops here, as it does in Compose."""
    if isinstance(value, dict):
        return {name: expanded(each, env) for name, each in value.items()}
    if isinstance(value, list):
        return [expanded(each, env) for each in value]
    return VARIABLE.sub(lambda found: _filled(found, env), value) if isinstance(value, str) else value


def _filled(found: re.Match[str], env: dict[str, str]) -> str:
    name, mark, word = found["name"], found["mark"], found["word"]
    if name is None:
        return "$"
    has = bool(env.get(name)) if mark and mark.startswith(":") else name in env
    if mark and mark.endswith("+"):
        return str(word) if has else ""
    if mark and mark.endswith("-"):
        return env[name] if has else str(word)
    if not has:
        pytest.fail(f"{name}: {word}")
    return env[name]


def variables(name: str, *, required: bool) -> set[str]:
    """The names that a file asks for; `required` leaves out those with a default."""
    found = VARIABLE.finditer(re.sub(r"(?m)^\s*#.*$", "", (ROOT / name).read_text()))
    return {v["name"] for v in found if v["name"] and not (required and v["mark"] and v["mark"][-1] in "-+")}


def services(*overlays: str, **extra: str) -> Tree:
    tree: Any = parsed("compose.yaml")
    for overlay in overlays:
        tree = merged(tree, parsed(overlay))
    resolved: Tree = expanded(tree, NINE | extra)["services"]
    return resolved


def environment(service: Tree, **extra: str) -> dict[str, str]:
    """What the container sees: a name without a value is passed on from `.env` if it is there."""
    given = NINE | extra
    return {n: given[n] if v is None else v for n, v in service["environment"].items() if v is not None or n in given}


def settings_of(service: Tree, monkeypatch: pytest.MonkeyPatch, key_file: Path) -> Settings:
    """The settings as the container would have them."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment(service).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATA_KEY_FILE", str(key_file))
    return Settings(_env_file=None)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "data.key"
    path.write_text(base64.b64encode(bytes(32)).decode())
    return path


# --- what they ask for -----------------------------------------------------------------------------------------------


def test_compose_asks_for_nine_settings_and_no_more() -> None:
    assert variables("compose.yaml", required=True) == set(NINE)
    assert variables("compose.postgresql.yaml", required=True) <= set(NINE)
    assert variables("compose.yaml", required=False) == {*NINE, "SITE_ADDRESS"}


def test_nine_settings_start_production_on_mysql(monkeypatch: pytest.MonkeyPatch, key_file: Path) -> None:
    settings = settings_of(services()["app"], monkeypatch, key_file)
    assert settings.environment == "production"
    assert settings.database.get_backend_name() == "mysql"
    assert (settings.database.host, settings.database.username) == ("db", "clinic")
    assert settings.database.password == NINE["MYSQL_PASSWORD"]
    assert settings.redis_url == SecretStr("redis://redis:6379/0")
    assert settings.smtp_server == "smtp.gmail.com"


def test_the_same_nine_start_it_on_postgresql(monkeypatch: pytest.MonkeyPatch, key_file: Path) -> None:
    stack = services("compose.postgresql.yaml")
    for name in ("migrate", "app", "worker", "beat"):
        settings = settings_of(stack[name], monkeypatch, key_file)
        assert settings.database.drivername == "postgresql+asyncpg"
        assert settings.database.render_as_string() == "postgresql+asyncpg://clinic@db:5432/appointments"
        assert environment(stack[name])["PGPASSWORD"] == NINE["MYSQL_PASSWORD"]
    database = stack["db"]
    assert database["image"].startswith("postgres:17")
    assert set(database["environment"]) == {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB", "POSTGRES_INITDB_ARGS"}
    assert database["volumes"] == ["postgresql:/var/lib/postgresql/data"]
    assert not any("mysql" in part for part in [*database["command"], *database["healthcheck"]["test"]])


def test_no_mail_address_is_an_answer_too(monkeypatch: pytest.MonkeyPatch, key_file: Path) -> None:
    stack = services(EMAIL_ADDRESS="", EMAIL_PASSWORD="")
    assert settings_of(stack["app"], monkeypatch, key_file).smtp_server is None


@pytest.mark.parametrize("name", ["migrate", "app", "worker", "beat"])
def test_every_setting_reaches_the_containers(name: str) -> None:
    known = {field.upper() for field in Settings.model_fields} - SETTLED_BY_COMPOSE
    known -= set() if name == "migrate" else {"ADMIN_EMAIL", "ADMIN_PASSWORD"}
    assert set(services()[name]["environment"]) == known


# --- what they start -------------------------------------------------------------------------------------------------


def test_the_services_are_the_ones_promised() -> None:
    stack = services()
    assert set(stack) == {"db", "redis", "mail", "proxy", *OURS}
    assert stack["db"]["image"] == "mysql:8.4"
    assert {name: s["profiles"] for name, s in stack.items() if "profiles" in s} == {
        "mail": ["mailcatcher"],
        "proxy": ["tls"],
    }


def _parse(line: list[str]) -> None:
    """Reads a command line to its end without running it; a wrong name or option raises."""
    group: Any = typer.main.get_command(cli.app)
    parent = group.make_context("appointed", ["--help"], resilient_parsing=True)
    command = group.get_command(parent, line[0])
    assert command is not None, f"there is no `appointed {line[0]}`"
    command.make_context(line[0], line[1:], parent=parent)


@pytest.mark.parametrize("name", ["migrate", "app", "worker", "beat"])
def test_a_service_starts_a_command_that_exists(name: str) -> None:
    service = services()[name]
    assert "entrypoint" not in service  # the image's own: `appointed`
    _parse(service["command"])


def test_things_start_in_order() -> None:
    stack = services()
    assert stack["migrate"]["depends_on"] == {
        "db": {"condition": "service_healthy"},
        "keys": {"condition": "service_completed_successfully"},
    }
    for name in ("app", "worker", "beat"):
        assert stack[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"},
            "redis": {"condition": "service_healthy"},
        }
    assert {name: stack[name]["restart"] for name in ("keys", "migrate")} == {"keys": "no", "migrate": "no"}
    assert all(s["restart"] == "unless-stopped" for n, s in stack.items() if n not in {"keys", "migrate"})


def test_what_keeps_running_is_watched() -> None:
    watched = {name: service.get("healthcheck") for name, service in services().items()}
    assert all(watched[name]["test"] for name in ("db", "redis", "worker"))
    assert watched["app"] is None  # the image's own
    assert all(watched[name] == {"disable": True} for name in ("keys", "migrate", "beat"))


def test_one_service_makes_the_image_and_nobody_fetches_it() -> None:
    stack = services()
    assert [name for name in OURS if "build" in stack[name]] == ["app"]
    assert {stack[name]["image"] for name in OURS} == {"appointed:local"}
    assert {name: stack[name]["pull_policy"] for name in OURS} == dict.fromkeys(OURS, "never") | {"app": "build"}


def test_the_data_key_is_made_once_and_then_kept(tmp_path: Path) -> None:
    keys = services()["keys"]
    assert "environment" not in keys
    script = keys["command"][0].replace("/keys/", f"{tmp_path}/")
    contents = []
    for _ in range(2):
        subprocess.run([*keys["entrypoint"], script], check=True)
        contents.append((tmp_path / "data.key").read_text())
    assert contents[0] == contents[1]
    assert len(base64.b64decode(contents[0].strip(), validate=True)) == 32
    assert (tmp_path / "data.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["data.key"]


# --- what they keep closed -------------------------------------------------------------------------------------------


def test_our_containers_have_no_more_rights_than_they_need() -> None:
    stack = services()
    for name in [*OURS, "redis", "mail", "proxy"]:
        assert stack[name]["read_only"] is True, name
        assert stack[name]["cap_drop"] == ["ALL"], name
        assert stack[name]["security_opt"] == ["no-new-privileges:true"], name
    assert [name for name, service in stack.items() if "cap_add" in service] == ["proxy"]
    for name in OURS:
        writable = {volume for volume in stack[name]["volumes"] if not volume.endswith(":ro")}
        assert writable == ({"keys:/keys"} if name == "keys" else {"var:/var/lib/appointed"})


def test_only_the_doors_are_published() -> None:
    stack = services()
    assert {name: s["ports"] for name, s in stack.items() if "ports" in s} == {
        "app": ["8000:8000"],
        "mail": ["127.0.0.1:8025:8025"],
        "proxy": ["80:80", "443:443", "443:443/udp"],
    }
    assert parsed("compose.yaml")["networks"]["back"]["internal"] is True
    assert stack["db"]["networks"] == stack["redis"]["networks"] == ["back"]
    assert "back" not in stack["proxy"]["networks"]


def test_a_proxy_is_believed_only_when_the_app_cannot_be_reached_around_it() -> None:
    alone, behind = services()["app"], services(SITE_ADDRESS="clinic.example.org")["app"]
    assert alone["environment"]["TRUSTED_PROXIES"] == ""
    assert behind["ports"] == ["127.0.0.1:8000:8000"]
    assert "172.16.0.0/12" in behind["environment"]["TRUSTED_PROXIES"].split(",")
    assert "*" not in behind["environment"]["TRUSTED_PROXIES"]


def test_the_catcher_gets_mails_only_when_asked() -> None:
    stack = services()
    assert "SMTP_HOST" not in environment(stack["worker"])
    asked = environment(stack["worker"], SMTP_HOST="mail", SMTP_PORT="1025")
    assert (asked["SMTP_HOST"], asked["SMTP_PORT"]) == ("mail", "1025")
    assert set(stack["mail"]["networks"]) & set(stack["worker"]["networks"])


def test_the_proxy_hides_the_metrics_and_insists_on_tls() -> None:
    caddyfile = (ROOT / "deploy/Caddyfile").read_text()
    assert "./deploy/Caddyfile:/etc/caddy/Caddyfile:ro" in services()["proxy"]["volumes"]
    for line in ("@inside path /metrics /metrics/*", "respond @inside 404", "reverse_proxy app:8000", "admin off"):
        assert line in caddyfile
    age = re.search(r'Strict-Transport-Security "max-age=(\d+)', caddyfile)
    assert age is not None
    assert int(age[1]) >= 365 * 24 * 3600


def test_the_proxy_leads_browsers_to_https_and_nobody_else() -> None:
    caddyfile = (ROOT / "deploy/Caddyfile").read_text()
    plain = caddyfile.partition("\nhttp://{$SITE_ADDRESS:localhost} {")[2]
    assert "auto_https disable_redirects" in caddyfile
    assert "header Accept *text/html*" in plain
    assert re.findall(r"(?m)^\t(redir .*|respond .*|reverse_proxy .*)$", plain) == [
        "redir @browser https://{host}{uri} 308", 'respond "This is only answered by HTTPS." 403',
    ]  # fmt: skip


# --- the image -------------------------------------------------------------------------------------------------------


def instructions(keyword: str) -> list[str]:
    """The Dockerfile's lines that begin with `keyword`, continuation lines joined."""
    joined = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    return [line.removeprefix(keyword).strip() for line in joined.splitlines() if line.startswith(f"{keyword} ")]


def test_the_image_does_not_run_as_root() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", instructions("USER")[-1])


def test_the_image_starts_the_server() -> None:
    assert json.loads(instructions("ENTRYPOINT")[-1]) == ["appointed"]
    assert json.loads(instructions("CMD")[-1]) == services()["app"]["command"]
    _parse(json.loads(instructions("CMD")[-1]))
    assert instructions("EXPOSE") == ["8000"]


def test_the_image_installs_what_the_locks_say_and_nothing_else() -> None:
    pip = [line for line in instructions("RUN") if re.search(r"pip .*(install|wheel) ", line)]
    locked = {found[1] for line in pip if (found := re.search(r"--require-hashes --requirement (\S+)", line))}
    assert locked == {"requirements-dev.lock", "requirements-mysql.lock"}
    assert all("--require-hashes" in line or "--no-deps" in line for line in pip)
    assert all("--no-build-isolation" in line for line in pip if "wheel --" in line)


def test_what_the_image_copies_exists_and_nothing_else_is_sent() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {part for line in instructions("COPY") if "--from" not in line for part in line.split()[:-1]}
    assert copied == let_in
    assert all((ROOT / part).exists() for part in copied)
    assert "\n*\n" in (ROOT / ".dockerignore").read_text()


@pytest.fixture
def answering() -> Iterator[tuple[int, list[int]]]:
    """A server's port, and the list that says what it answers with."""
    status: list[int] = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status[0] if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, status
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "is_healthy"), [(200, True), (503, False)])
def test_the_image_knows_whether_it_is_well(answering: tuple[int, list[int]], *, status: int, is_healthy: bool) -> None:
    port, answers = answering
    answers[0] = status
    check = json.loads(instructions("HEALTHCHECK")[-1].partition("CMD ")[2])
    assert check[:2] == ["python", "-c"]
    code = check[2].replace(":8000/", f":{port}/")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ran.returncode == 0) is is_healthy


# --- the real thing, where it is at hand ------------------------------------------------------------------------------


@pytest.mark.parametrize("overlays", [[], ["compose.postgresql.yaml"]], ids=["mysql", "postgresql"])
def test_docker_compose_resolves_them(overlays: list[str], tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("the compose plugin of docker is absent")
    (tmp_path / ".env").write_text("".join(f"{name}='{value.replace(chr(39), '')}'\n" for name, value in NINE.items()))
    files = [part for name in ["compose.yaml", *overlays] for part in ("--file", str(ROOT / name))]
    line = [docker, "compose", f"--env-file={tmp_path}/.env", "--profile=*", *files, "config", "--format=json"]
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    ran = subprocess.run(line, env=bare, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    resolved = json.loads(ran.stdout)["services"]
    assert set(resolved) == set(services(*overlays))
    assert resolved["db"]["image"] == services(*overlays)["db"]["image"]
