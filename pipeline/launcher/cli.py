"""The `newsbeam` command: every command of ours under one name.

`newsbeam score ...` is `python -m pipeline.score ...`. Nothing heavy is imported before a command
is known, so that help and version come at once.
"""

import difflib
import importlib
import sys
from collections.abc import Sequence

from pipeline.launcher.completion import script
from pipeline.launcher.versions import package_version

# By what people want: each command's module, and what it does.
COMMANDS = {
    "Label news": {
        "score": ("pipeline.score", "label a corpus"),
        "progress": ("pipeline.progress", "follow a run from another terminal"),
        "runs": ("pipeline.runs", "list the runs of a folder"),
        "report": ("pipeline.report", "write a run's report again"),
        "compare": ("pipeline.compare", "hold two runs against each other"),
    },
    "Train your own": {
        "prepare": ("pipeline.prepare", "make training data of a labelled corpus"),
        "train": ("model.train", "train a classifier: a bundle"),
        "evaluate": ("model.evaluate", "measure a bundle on labelled texts"),
        "calibrate": ("model.calibrate", "make a bundle's probabilities believable"),
        "cascade": ("model.cascade", "choose the threshold of two bundles"),
        "explain": ("model.explain", "show why a text got its label"),
        "export": ("model.export", "make a bundle of weights trained elsewhere"),
    },
}
MODULES = {name: module for group in COMMANDS.values() for name, (module, _) in group.items()}
USAGE = """usage: newsbeam COMMAND [options]

Labels news corpora in batches, and trains what labels them.
{groups}

newsbeam COMMAND --help has a command's options; newsbeam --version says which this is.
newsbeam completion bash (or zsh) prints what completes commands and options"""


def main() -> int:
    """Runs the command line; returns the exit code."""
    from model.console.terminal import ready_streams, say

    name, *rest = sys.argv[1:] or ["--help"]
    if name in MODULES:
        return run(name, rest)
    ready_streams()
    if name in ("-h", "--help", "help"):
        for line in USAGE.format(groups="\n".join(_group_lines())).splitlines():
            say(line)
    elif name == "--version":
        say(f"newsbeam {package_version()}")
    elif name == "completion" and rest in (["bash"], ["zsh"]):
        for line in script(rest[0], MODULES).splitlines():
            say(line)
    else:
        near = difflib.get_close_matches(name, [*MODULES, "completion"], n=1)
        hint = "completion bash, or zsh" if name == "completion" else "see newsbeam --help"
        hint = f"did you mean {near[0]}?" if near and near[0] != name else hint
        say(
            f"newsbeam: error: there is no command {' '.join([name, *rest[:1]])}: {hint}",
            sys.stderr,
        )
        return 2
    return 0


def run(name: str, arguments: Sequence[str]) -> int:
    """Runs one command, as `python -m` with its module does."""
    sys.argv = [f"newsbeam {name}", *arguments]  # what it calls itself in help and errors
    module = importlib.import_module(MODULES[name])
    if MODULES[name].startswith("model."):
        return module.main(arguments)
    from pipeline.launcher import command

    command.main(getattr(module, name))


def _group_lines() -> list[str]:
    lines = []
    for title, group in COMMANDS.items():
        lines += ["", f"{title}:"]
        lines += [f"  {name:<11}{what}" for name, (_, what) in group.items()]
    return lines
