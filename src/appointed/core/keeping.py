"""Where secrets come from: files, commands, and in development what was made once. `ValueError` says what is wrong."""

import base64
import os
import secrets
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from .signing import SigningKey, keys_in

SECRET_BYTES = 32
COMMAND_SECONDS = 30


def text_in(name: str, file: Path) -> str:
    """What stands in the file that the setting of this name points to."""
    try:
        return file.read_text()
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error}") from None


def said_by(command: str) -> str:
    """What the command prints. Of what goes wrong only that much is told: the rest may be half a key."""
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, timeout=COMMAND_SECONDS, check=True)  # noqa: S603 - whoever sets it runs the program
        return done.stdout.decode()
    except subprocess.CalledProcessError as error:
        raise ValueError(f"DATA_KEY_COMMAND ended with {error.returncode}") from None
    except subprocess.TimeoutExpired:
        raise ValueError(f"DATA_KEY_COMMAND said nothing within {COMMAND_SECONDS} s") from None
    except (OSError, ValueError, IndexError) as error:
        raise ValueError(f"DATA_KEY_COMMAND cannot be run: {type(error).__name__}") from None


def decoded(text: str) -> bytes:
    """Nothing, if it is no base64."""
    try:
        return base64.b64decode(text.strip(), validate=True)
    except ValueError:
        return b""


def token_keys(name: str, file: Path) -> list[SigningKey]:
    """The keys in the file that the setting of this name points to."""
    try:
        return keys_in(text_in(name, file))
    except UnicodeDecodeError:
        raise ValueError(f"{name} must be a text") from None
    except ValueError as error:
        raise ValueError(str(error) if name in str(error) else f"{name} {error}") from None


def new_secret() -> str:
    return base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def kept_secret(path: Path, new: Callable[[], str] = new_secret) -> str:
    """The secret kept at `path`, made on first use; of two processes that start together, both read the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    if not path.exists():
        draft.touch(mode=0o600)
        draft.write_text(new())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
