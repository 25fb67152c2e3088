#!/usr/bin/env bash
# The benchmark, from nothing: makes .venv-benchmarks (8 GB, most of it PyTorch), then measures.
# Takes what `python -m benchmarks.run --help` says.
set -euo pipefail
cd "$(dirname "$0")/.."
.ci/make_venv.sh benchmarks .venv-benchmarks
exec .venv-benchmarks/bin/python -m benchmarks.run "$@"
