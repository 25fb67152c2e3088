"""Shows why a text got its label, as one HTML page: `python -m model.explain`.

The page has each token's influence on the label (integrated gradients) and what each attention head
looks at, as heat maps with the tokens on both axes, after figure 3 of Bahdanau, Cho and Bengio,
"Neural Machine Translation by Jointly Learning to Align and Translate", 2015 (arXiv:1409.0473). It
needs no network and no script.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from model.bundle.load import load_bundle
from model.commands import import_keras, run_command
from model.console.arguments import Parser, program
from model.console.terminal import say


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    flags = Parser(prog=program("model.explain"), description=__doc__)
    flags.add_argument("--model", required=True, help="folder of the bundle")
    flags.add_argument("--text", required=True, help="what to label")
    flags.add_argument("--label", help="the label to explain; default: the most probable one")
    flags.add_argument("--output", required=True, help="the HTML file to write")
    options = flags.parse_args(arguments)

    def command() -> None:
        saved = load_bundle(options.model)
        import_keras()
        from model.inspection.page import explain

        page = explain(saved, options.text, options.label)
        Path(options.output).write_text(page, encoding="utf-8")
        say(f"the page lies in {options.output}")

    return run_command("model.explain", command)


if __name__ == "__main__":
    sys.exit(main())
