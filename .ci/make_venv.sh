#!/usr/bin/env bash
# Makes .venv from a lock file of requirements/, or brings it up to date:
#   .ci/make_venv.sh run|test|benchmarks [FOLDER]
# uv installs what pip would, ten times as fast; pip takes over where uv finds no index. A lock file
# names all there is to install, so neither looks at dependencies. Both compile to bytecode, which
# takes half a minute here and otherwise 15 s of every start where PYTHONDONTWRITEBYTECODE is set.
set -euo pipefail
cd "$(dirname "$0")/.."
what=$1
venv=${2:-.venv}
# What the tests need has all that runs need, and is kept where it is.
[ "$what" = run ] && [ -e "$venv/requirements-test.lock.installed" ] && what=test
lock=requirements/$what.lock
stamp=$venv/requirements-$what.lock.installed
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
