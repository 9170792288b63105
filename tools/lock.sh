#!/usr/bin/env bash
# Write requirements/*.txt anew from pyproject.toml: exact versions with hashes, for every
# platform, and without the address of any package index, so that a mirror serves as well.
# Needs uv on the PATH or in .venv. Options go on to uv, e.g. tools/lock.sh --upgrade.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=$(command -v uv || true)
[ -n "$uv" ] || uv=.venv/bin/uv
[ -x "$uv" ] || { echo "tools/lock.sh: uv is missing. Install it: .venv/bin/pip install uv" >&2; exit 2; }

lock() { # file, then what goes in beside the package's own dependencies
  local file=$1
  shift
  "$uv" pip compile --quiet --universal --generate-hashes --python-version 3.11 \
    --no-emit-index-url --no-emit-find-links --no-header \
    pyproject.toml --output-file "requirements/$file" "$@"
}

lock run.txt --group build "$@"
# What runs is locked first; the others keep to it.
lock postgres.txt --group build --extra postgres --constraint requirements/run.txt "$@"
lock test.txt --group build --group test --constraint requirements/run.txt "$@"
lock check.txt --group build --group test --group check --constraint requirements/test.txt "$@"
