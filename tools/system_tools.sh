#!/usr/bin/env bash
# Find the programs that tests or benchmarks need beside Python, and install what is missing
# with apt-get where it is there and we may; elsewhere say what to install, and fail.
# Usage: tools/system_tools.sh test|bench
set -euo pipefail

kind=${1:-test}

# A program to look for (several places may hold it), and the Debian package that brings it.
found() {
  local place
  for place in "$@"; do
    case $place in
      /*) compgen -G "$place" >/dev/null && return 0 ;;
      # A virtual environment may hold a namesake (pynetdicom's storescu): look past it.
      *) PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin \
           command -v "$place" >/dev/null && return 0 ;;
    esac
  done
  return 1
}

missing=()
need() { # package, then where its program may be
  local package=$1
  shift
  found "$@" || missing+=("$package")
}

need dcmtk storescu
case $kind in
  test)
    need postgresql '/usr/lib/postgresql/*/bin/initdb' initdb
    need openssl openssl
    need curl curl
    ;;
  bench)
    need wrk wrk
    # Orthanc's package starts a service as it is installed: that is left to whoever owns the
    # machine, and benchmarks/run.py says how.
    ;;
  *)
    echo "tools/system_tools.sh: '$kind' is not a kind of tools. Say test or bench" >&2
    exit 2
    ;;
esac

[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  else
    as_root=(false)
  fi
fi
if command -v apt-get >/dev/null && [ "${as_root[*]-}" != false ]; then
  echo "Installing ${missing[*]} (Debian packages that the ${kind} needs)" >&2
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "Missing: ${missing[*]}. Install them, e.g. apt-get install ${missing[*]}" >&2
  exit 2
fi
