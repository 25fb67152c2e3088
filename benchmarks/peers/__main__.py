"""Runs one peer and prints what it has to tell as one line of JSON.

    python -m benchmarks.peers keras_padded --model bundles/minilm --input news.parquet \
        --rows 1000 --output labels.parquet

`python -m benchmarks.run` calls it; alone it is good for a look at one peer.
"""

import importlib
import json
import sys

from benchmarks.peers.common import parse

PEERS = ("bare_loop", "beam_idiom", "keras_padded", "machine", "transformers_pipeline")


def main() -> int:
    """Runs the command line; returns the exit code."""
    name, options = parse(PEERS, __doc__ or "")
    result = importlib.import_module(f"benchmarks.peers.{name}").run(options)
    print(json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
