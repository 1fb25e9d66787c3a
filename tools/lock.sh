#!/bin/sh
# Writes the lock files from pyproject.toml: versions and hashes, no address of where they come from.
set -eu
uv=$(command -v uv || echo .venv/bin/uv)
compile() {
    target=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
        --no-header --output-file "$target" "$@" pyproject.toml
}
# The build backend, with what it needs to install in place, is in each lock: the project installs without fetching it.
printf 'hatchling\neditables\n' > .build-backend.in
trap 'rm -f .build-backend.in' EXIT
compile requirements.lock .build-backend.in
compile requirements-mysql.lock --extra mysql .build-backend.in
compile requirements-dev.lock --extra mysql --group dev .build-backend.in
