#!/usr/bin/env bash
# Makes .venv from a lock file, or brings it up to date: .ci/make_venv.sh LOCK [FOLDER]
# uv installs what pip would, ten times as fast; pip takes over where uv finds no index. A lock file
# names all there is to install, so neither looks at dependencies. Both compile to bytecode, which
# takes half a minute here and otherwise 15 s of every start where PYTHONDONTWRITEBYTECODE is set.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=$1
venv=${2:-.venv}
stamp=$venv/$(basename "$lock").installed
[ "$lock" = requirements.lock ] && [ -e "$venv/requirements-test.lock.installed" ] &&
    stamp=$venv/requirements-test.lock.installed && lock=requirements-test.lock
cmp -s "$lock" "$stamp" && exit 0

python=
for name in python3.11 python3.12 python3; do
    if "$name" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' \
        2>/dev/null; then
        python=$name
        break
    fi
done
if [ -z "$python" ]; then
    echo "newsbeam needs Python 3.11 or 3.12 with its venv module (Debian: apt install python3-venv)" >&2
    exit 2
fi
echo "installing $lock into $venv (once; a few minutes at most)" >&2
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv==0.13.9
"$venv/bin/uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" \
    --no-deps --require-hashes -r "$lock" ||
    "$venv/bin/python" -m pip install --quiet --no-deps --require-hashes -r "$lock"
cp "$lock" "$stamp"
