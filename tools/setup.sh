#!/bin/sh
# Makes a virtual environment and installs a lock file and this project into it: setup.sh VENV LOCK
# With uv if it is on PATH, else with a pinned uv inside the environment, else with pip.
set -eu
venv=$1 lock=$2
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Appointed needs Python 3.11 or newer; $("$python" --version) is what '$python' is. Try: make PYTHON=python3.12 …" >&2
    exit 1
}
if [ ! -x "$venv/bin/python" ]; then
    echo "Making $venv"
    "$python" -m venv "$venv" 2>/dev/null || {
        rm -rf "$venv"
        echo "Python's venv module is missing. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2
        exit 1
    }
fi

echo "Installing $lock"
uv=$(command -v uv || true)
if [ -z "$uv" ] && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION" 2>/dev/null; then
    uv="$venv/bin/uv"
fi
if [ -n "$uv" ]; then
    "$uv" pip install --quiet --python "$venv/bin/python" --require-hashes -r "$lock"
    "$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e .
else
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
fi
