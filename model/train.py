"""Trains a classifier on prepared data and saves it as a bundle: `python -m model.train`.

Runs on Keras' TensorFlow and JAX backends (`KERAS_BACKEND`). With TensorFlow it writes a bundle; on
JAX, which needs no TensorFlow, it writes weights, and `python -m model.export` makes the bundle.
"""

import argparse
import contextlib
import functools
import importlib.util
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from model import bundle
from model.arguments import Parser, above_zero, positive, share
from model.commands import choose_backend, import_keras, run_command
from model.terminal import say
from model.training import weights

# What a recipe starts from unless told otherwise.
DEFAULTS: dict[str, dict[str, Any]] = {
    "scratch": {"epochs": 12, "batch_size": 64, "learning_rate": 2e-3},
    "finetune": {"epochs": 3, "batch_size": 32, "learning_rate": 3e-5},
    # On AG News' held-out rows, MiniLM's pooled features had 0.859 at 1e-3, 0.868 at 1e-2, and
    # 0.872 at 3e-2; mean features hardly mind.
    "frozen": {"epochs": 30, "batch_size": 32, "learning_rate": 3e-2},
}
# What else it starts from where the data have a teacher's rows.
TAUGHT: dict[str, float] = {"temperature": 2.0, "gold_weight": 1.0}
RECIPES_OF = {"transformer": ("scratch",), "bert": ("finetune", "frozen")}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    flags = Parser(prog="model.train", description=__doc__)
    flags.add_argument("--prepared", required=True, help="folder that pipeline.prepare wrote")
    flags.add_argument("--output", required=True, help="folder of the bundle (on JAX: weights)")
    flags.add_argument("--model", choices=sorted(RECIPES_OF), default="transformer", help="network")
    flags.add_argument("--backbone", help="for bert: Hugging Face folder, or KerasHub preset")
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
    flags.add_argument("--seed", type=int, default=0, help="fixes the result")
    flags.add_argument("--validation", type=share, default=0.1, help="share of texts to hold out")
    flags.add_argument("--validation_rows", type=positive, help="hold out so many rows at most")
    flags.add_argument("--steps_per_epoch", type=positive, help="batches in an epoch, if not all")
    flags.add_argument("--logs", help="folder for TensorBoard")
    flags.add_argument(
        "--resume", action="store_true", help="go on with what the same command left unfinished"
    )
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    options = parser().parse_args(arguments)
    recipe = options.recipe or RECIPES_OF[options.model][0]
    for name, value in {"recipe": recipe, **DEFAULTS[recipe]}.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return run_command("model.train", lambda: train(options))


def train(options: argparse.Namespace) -> None:
    """Trains as the command line says and writes the bundle, or the weights.

    Raises:
        BundleError: The prepared data or the output folder are not what they should be.
        FileNotFoundError: There are no examples.
        ValueError: The data and the options don't fit each other.
    """
    backend = choose_backend()
    as_bundle = backend == "tensorflow"
    (bundle if as_bundle else weights).check_output(options.output)
    description = bundle.read_prepared(options.prepared)
    if options.recipe not in RECIPES_OF[options.model]:
        known = " and ".join(RECIPES_OF[options.model])
        raise ValueError(f"--recipe {options.recipe} is not for {options.model}, which has {known}")
    if options.logs and importlib.util.find_spec("tensorflow") is None:
        raise ValueError("--logs needs TensorFlow, which is not installed")

    import_keras(backend)
    import keras
    import numpy as np

    from model.networks.registry import build_network
    from model.training import fitting, recipes
    from model.training.batches import LengthGroupedBatches
    from model.training.corpus_profile import label_profile
    from model.training.examples import read_examples, split, weighted
    from model.training.measures import measure

    labels = description["labels"]
    examples = read_examples(options.prepared, labels)
    training, validation = split(examples, options.validation, options.validation_rows)
    settle_teaching(options, examples.taught is not None)
    training = weighted(training, options.balance, options.gold_weight or 1.0)
    device = device_name(keras.backend.backend())
    on_gpu = options.recipe == "finetune" and device != "cpu"
    options.precision = options.precision or ("mixed_bfloat16" if on_gpu else "float32")
    verbose = 1 if sys.stdout.isatty() else 2
    keras.utils.set_random_seed(options.seed)
    with precision(options.precision):
        spec, network = starting_point(options, description)
    fitted, batches_of = network, cast("Callable[..., Any]", LengthGroupedBatches)
    if options.recipe == "frozen":
        from model.training.features import FeatureBatches

        fitted = network.get_layer("head")
        batches_of = functools.partial(FeatureBatches, network, verbose=verbose)
    batches = batches_of(
        training, options.batch_size, seed=options.seed, steps=options.steps_per_epoch
    )
    fitted = getattr(recipes, options.recipe)(
        fitted,
        len(batches) * options.epochs,
        options.learning_rate,
        temperature=options.temperature or 1.0,
    )
    settings = {
        name: getattr(options, name)
        for name in (
            *("recipe", "epochs", "batch_size", "learning_rate", "seed", "steps_per_epoch"),
            *("precision", "balance", "temperature", "gold_weight"),
        )
    }
    rows = {
        "rows": len(training),
        "teacher_rows": int(np.count_nonzero(~training.is_gold)),
        "validation_rows": len(validation),
    }
    folder = Path(options.output.rstrip("/") + ".training")
    began = time.monotonic()
    history = fitting.fit(
        fitted,
        batches,
        batches_of(validation, 256) if len(validation) else None,
        epochs=options.epochs,
        folder=folder,
        settings={"model": spec, **settings, **rows},
        resume=options.resume,
        callbacks=[keras.callbacks.TensorBoard(options.logs)] if options.logs else [],
        verbose=verbose,
    )
    trained = build_network(spec)  # without the optimizer, and in float32
    trained.set_weights(network.get_weights())
    part, measured = "validation", validation
    if not len(validation):
        part, measured = "training", training.take(np.flatnonzero(training.is_gold))
    by_length = LengthGroupedBatches(measured, 256)
    probabilities = np.asarray(trained.predict(by_length.for_keras(), verbose=0))
    metrics = measure(probabilities, measured.labels[by_length.rows], labels)
    profile = description.get("profile")
    result = weights.Trained(
        name=options.name or Path(options.output).name,
        labels=labels,
        model=spec,
        training={
            **settings,
            **rows,
            "backend": keras.backend.backend(),
            "device": device,
            "seconds": round(sum(epoch["seconds"] for epoch in history), 1),
            "history": history,
        },
        metrics={part: metrics},
        profile=profile and {**profile, **label_profile(probabilities, labels)},
    )
    if as_bundle:
        bundle.save_bundle(
            options.output,
            prepared=options.prepared,
            network=trained,
            spec=spec,
            training=result.training,
            metrics=result.metrics,
            name=result.name,
            profile=result.profile,
        )
    else:
        weights.save_weights(options.output, trained, result)
    shutil.rmtree(folder)
    say(
        f"{part} accuracy {metrics['accuracy']:.4f} on {metrics['rows']} rows, "
        f"{time.monotonic() - began:.0f} s on {result.training['device']}: {options.output}"
    )
    if not as_bundle:
        say(
            f"Now, where TensorFlow is: python -m model.export --weights {options.output} "
            f"--prepared {options.prepared} --output BUNDLE"
        )


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


def starting_point(
    options: argparse.Namespace, description: dict[str, Any]
) -> tuple[dict[str, Any], Any]:
    """The network that the options ask for, as training finds it, and its spec.

    Raises:
        ValueError: The backbone cannot be read, or the data were not prepared for it.
    """
    labels, max_tokens = len(description["labels"]), description["max_tokens"]
    vocab_size = description["tokenizer"]["vocab_size"]
    if options.model == "transformer":
        from model.networks.registry import build_network
        from model.networks.transformer import transformer_spec

        spec = transformer_spec(vocab_size, max_tokens, labels)
        return spec, build_network(spec)

    from model.networks.bert import build_bert
    from model.training.hugging_face import load_backbone

    if not options.backbone:
        raise ValueError("--model bert needs --backbone: a Hugging Face folder or KerasHub preset")
    spec, backbone = load_backbone(options.backbone, options.pooling)
    if description["tokenizer"]["kind"] != "wordpiece" or vocab_size > spec["vocabulary_size"]:
        raise ValueError(
            f"{options.prepared} was not prepared for {options.backbone}: prepare it again with "
            f"--tokenizer wordpiece --backbone {options.backbone}"
        )
    if max_tokens > spec["max_sequence_length"]:
        raise ValueError(
            f"{options.backbone} takes {spec['max_sequence_length']} tokens: prepare the data "
            f"again with --max_tokens {spec['max_sequence_length']} or less"
        )
    spec = {**spec, "labels": labels}
    return spec, build_bert(spec, backbone, frozen=options.recipe == "frozen")


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Builds what is built inside in a precision, as `keras.config.set_dtype_policy` has it."""
    import keras

    outside = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(outside)


def device_name(backend: str) -> str:
    """`cpu`, or what the GPU calls itself."""
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return "cpu" if device.platform == "cpu" else device.device_kind
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    if not devices:
        return "cpu"
    return tf.config.experimental.get_device_details(devices[0]).get("device_name", "gpu")


if __name__ == "__main__":
    sys.exit(main())
