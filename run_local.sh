#!/usr/bin/env bash
# The main job on this machine, from nothing: makes .venv if there is none, then scores.
#
#   ./run_local.sh                                        the sample corpus, with the shipped bundle
#   ./run_local.sh --input 'news/*.jsonl' --output labels  yours; takes what pipeline.score takes
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/.ci/make_venv.sh" run
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
score=("$here/.venv/bin/python" -m pipeline.score)
case " $* " in
    *" --model"*) ;;
    *) score+=(--model "$here/bundles/agnews-transformer") ;;
esac
if [ $# -eq 0 ]; then
    cd "$here"
    exec "${score[@]}" --input sample/news.jsonl --output labels --id_column id \
        --carry_columns title --gold_column label
fi
exec "${score[@]}" "$@"
