"""Trains a classifier on prepared data and saves it as a bundle: `python -m model.train`.

Runs on Keras' TensorFlow and JAX backends (`KERAS_BACKEND`). With TensorFlow it writes a bundle; on
JAX, which needs no TensorFlow, it writes weights, and `python -m model.export` makes the bundle.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.bundle import save as bundle
from model.bundle.prepared import read_prepared
from model.commands import choose_backend, import_keras, run_command
from model.console.terminal import say
from model.training import weights
from model.training.options import (
    SETTINGS,
    check_options,
    chosen_dropouts,
    parser,
    settle_recipe,
    settle_teaching,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    options = parser(__doc__).parse_args(arguments)
    settle_recipe(options)
    return run_command("model.train", lambda: train(options))


def train(options: argparse.Namespace) -> None:
    """Trains as the command line says and writes the bundle, or the weights.

    Raises:
        BundleError: The prepared data or the output folder are not what they should be.
        FileNotFoundError: There are no examples.
        ValueError: The data and the options don't fit each other.
    """
    backend = choose_backend()
    (bundle if backend == "tensorflow" else weights).check_output(options.output)
    description = read_prepared(options.prepared)
    check_options(options)

    import_keras(backend)
    import keras

    from model.data.corpus_profile import label_profile
    from model.data.examples import read_examples, split, weighted
    from model.training.fitting import clear
    from model.training.network_size import network_size, size_lines
    from model.training.phases import (
        finish_network,
        measure_network,
        scores_for_sets,
        train_network,
    )
    from model.training.starting_point import device_name, precision, starting_point

    labels = description["labels"]
    examples = read_examples(options.prepared, labels)
    training, validation, conformal = split(examples, options.validation, options.validation_rows)
    settle_teaching(options, examples.taught is not None)
    training = weighted(training, options.balance, options.gold_weight or 1.0)
    device = device_name(backend)
    on_gpu = options.recipe == "finetune" and device != "cpu"
    options.precision = options.precision or ("mixed_bfloat16" if on_gpu else "float32")
    keras.utils.set_random_seed(options.seed)
    with precision(options.precision):
        spec, network = starting_point(options, description, chosen_dropouts(options))
    size = network_size(network)
    for line in size_lines(size):
        say(line)
    settings = {
        **{name: getattr(options, name) for name in SETTINGS},
        "rows": len(training),
        "teacher_rows": len(training) - int(training.is_gold.sum()),
        "validation_rows": len(validation),
        "conformal_rows": len(conformal),
    }
    folder = Path(options.output.rstrip("/") + ".training")
    began = time.monotonic()
    history, seconds = train_network(
        options,
        network,
        training,
        validation,
        folder=folder,
        settings={"model": spec, **settings},
        callbacks=[keras.callbacks.TensorBoard(options.logs)] if options.logs else [],
        verbose=1 if sys.stdout.isatty() else 2,
    )
    spec, trained = finish_network(spec, network.get_weights(), validation)
    metrics, probabilities = measure_network(trained, training, validation, labels)
    profile = description.get("profile")
    result = weights.Trained(
        name=options.name or "",
        labels=labels,
        model=spec,
        training={
            **settings,
            **({"languages": options.languages} if options.languages else {}),
            "backend": backend,
            "device": device,
            "seconds": round(seconds, 1),
            **size,
            "history": history,
        },
        metrics=metrics,
        profile=profile and {**profile, **label_profile(probabilities, labels)},
        conformal=scores_for_sets(trained, conformal),
    )
    save(options, trained, result, as_bundle=backend == "tensorflow")
    clear(folder)
    ((part, measured),) = metrics.items()
    say(
        f"{part} accuracy {measured['accuracy']:.4f} on {measured['rows']} rows, "
        f"{time.monotonic() - began:.0f} s on {device}: {options.output}"
    )
    if backend != "tensorflow":
        say(
            f"Now, where TensorFlow is: python -m model.export --weights {options.output} "
            f"--prepared {options.prepared} --output BUNDLE"
        )


def save(
    options: argparse.Namespace, network: Any, result: weights.Trained, as_bundle: bool
) -> None:
    """Writes the bundle, or the weights that become one."""
    if not as_bundle:
        weights.save_weights(options.output, network, result)
        return
    bundle.save_bundle(
        options.output,
        prepared=options.prepared,
        network=network,
        spec=result.model,
        training=result.training,
        metrics=result.metrics,
        name=result.name or Path(options.output).name,
        profile=result.profile,
        conformal=result.conformal,
    )


if __name__ == "__main__":
    sys.exit(main())
