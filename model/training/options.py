"""The options of a training: what they are, what goes together, and what stands for one not given.

Imports no Keras: the command line is checked before anything slow is loaded.
"""

import argparse
import importlib.util
from typing import Any

from model.console.arguments import Parser, program
from model.console.values import above_zero, language_codes, positive, share_below_1

# What a recipe starts from unless another value is given.
DEFAULTS: dict[str, dict[str, Any]] = {
    "scratch": {"epochs": 12, "batch_size": 64, "learning_rate": 2e-3},
    "finetune": {"epochs": 3, "batch_size": 32, "learning_rate": 3e-5},
    # On AG News' held-out rows, MiniLM's pooled features had 0.859 at 1e-3, 0.868 at 1e-2, and
    # 0.872 at 3e-2; mean features hardly mind.
    "frozen": {"epochs": 30, "batch_size": 32, "learning_rate": 3e-2},
}
# What else it starts from where the data have a teacher's rows.
TAUGHT: dict[str, float] = {"temperature": 2.0, "gold_weight": 1.0}
# What decides the result beside the data and the network.
SETTINGS = (
    *("recipe", "epochs", "batch_size", "learning_rate", "seed", "steps_per_epoch"),
    *("precision", "balance", "temperature", "gold_weight"),
)
DROPOUTS = ("word_dropout", "embedding_dropout")  # of the transformer's spec
RECIPES_OF = {"transformer": ("scratch",), "bert": ("finetune", "frozen")}


def parser(description: str | None) -> argparse.ArgumentParser:
    """The command line."""
    flags = Parser(prog=program("model.train"), description=description)
    flags.add_argument("--prepared", required=True, help="folder that pipeline.prepare wrote")
    flags.add_argument("--output", required=True, help="folder of the bundle (on JAX: weights)")
    flags.add_argument("--model", choices=sorted(RECIPES_OF), default="transformer", help="network")
    flags.add_argument(
        "--backbone", help="for bert: Hugging Face folder, KerasHub preset, or bundle of a BERT"
    )
    flags.add_argument(
        "--layers", type=positive, help="for bert: only so many of the backbone's first layers"
    )
    flags.add_argument("--recipe", choices=sorted(DEFAULTS), help="default: the network's own")
    flags.add_argument(
        "--pooling", choices=("pooled", "mean"), default="pooled", help="for bert: its features"
    )
    flags.add_argument("--name", help="what to call the bundle; default: the output's name")
    flags.add_argument("--epochs", type=positive, help="default: the recipe's")
    flags.add_argument("--batch_size", type=positive, help="default: the recipe's")
    flags.add_argument("--learning_rate", type=float, help="highest rate; default: the recipe's")
    flags.add_argument(
        "--precision",
        choices=("float32", "mixed_bfloat16"),
        help="default: mixed_bfloat16 to finetune on a GPU, else float32",
    )
    flags.add_argument(
        "--balance", action="store_true", help="let every label count the same, however rare"
    )
    flags.add_argument(
        "--temperature",
        type=above_zero,
        help="with a teacher's rows: soften its probabilities, and the network's, so much "
        f"(default: {TAUGHT['temperature']:g})",
    )
    flags.add_argument(
        "--gold_weight",
        type=above_zero,
        help="with a teacher's rows: how many of them a row with a true label counts for "
        f"(default: {TAUGHT['gold_weight']:g})",
    )
    for name, what in zip(DROPOUTS, ("words", "embeddings' values"), strict=True):
        flags.add_argument(
            f"--{name}",
            type=share_below_1,
            help=f"for transformer: share of {what} that are dropped while training (default: 0.5)",
        )
    flags.add_argument(
        "--languages",
        type=language_codes,
        metavar="en,de",
        help="the languages of the texts (ISO 639-1): the bundle names them, and a run's report "
        "says how much of a corpus is in others",
    )
    flags.add_argument("--seed", type=int, default=0, help="fixes the result")
    flags.add_argument(
        "--validation", type=share_below_1, default=0.1, help="share of texts to hold out"
    )
    flags.add_argument("--validation_rows", type=positive, help="hold out so many rows at most")
    flags.add_argument("--steps_per_epoch", type=positive, help="batches in an epoch, if not all")
    flags.add_argument("--logs", help="folder for TensorBoard")
    flags.add_argument(
        "--resume", action="store_true", help="go on with what the same command left unfinished"
    )
    return flags


def settle_recipe(options: argparse.Namespace) -> None:
    """Fills in the network's own recipe, and what the recipe starts from."""
    recipe = options.recipe or RECIPES_OF[options.model][0]
    for name, value in {"recipe": recipe, **DEFAULTS[recipe]}.items():
        if getattr(options, name) is None:
            setattr(options, name, value)


def check_options(options: argparse.Namespace) -> None:
    """Refuses options that don't go together.

    Raises:
        ValueError: They don't.
    """
    if options.recipe not in RECIPES_OF[options.model]:
        known = " and ".join(RECIPES_OF[options.model])
        raise ValueError(f"--recipe {options.recipe} is not for {options.model}, which has {known}")
    for name in chosen_dropouts(options):
        if options.model != "transformer":
            raise ValueError(f"--{name} is for --model transformer; a BERT has its own")
    if options.layers is not None and options.model != "bert":
        raise ValueError("--layers is for --model bert; a transformer here has one")
    if options.logs and importlib.util.find_spec("tensorflow") is None:
        raise ValueError("--logs needs TensorFlow, which is not installed")


def chosen_dropouts(options: argparse.Namespace) -> dict[str, float]:
    """Those that were given, as the transformer's spec calls them."""
    given = {name: getattr(options, name) for name in DROPOUTS}
    return {name: value for name, value in given.items() if value is not None}


def settle_teaching(options: argparse.Namespace, has_teacher: bool) -> None:
    """Fills in what was not said of how to learn from a teacher; None where there is none.

    Raises:
        ValueError: Something was said, and no row is a teacher's.
    """
    for name, value in TAUGHT.items():
        given = getattr(options, name)
        if given is not None and not has_teacher:
            raise ValueError(
                f"--{name} is for data with a teacher's rows, and {options.prepared} has none: "
                "prepare them with --probabilities_column"
            )
        if given is None and has_teacher:
            setattr(options, name, value)
