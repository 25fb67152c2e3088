"""Makes a bundle of trained weights, or a smaller one of a bundle: `python -m model.export`.

The other half of training on a machine with a GPU and no TensorFlow: there `model.train` leaves
weights, here TensorFlow writes the SavedModel that scoring reads. Of a bundle that is there, it
makes one with a trimmed vocabulary, or with weights in half the bytes.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from model.bundle.load import Bundle, BundleError, load_bundle
from model.bundle.prepared import read_prepared
from model.bundle.save import check_output, save_bundle
from model.commands import import_keras, run_command
from model.console.arguments import Parser, program
from model.console.terminal import first_line, say
from model.console.values import language_codes
from model.training import weights
from model.training.shrunk import shrink, stored_as, with_languages


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    flags = Parser(prog=program("model.export"), description=__doc__)
    source = flags.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", help="folder that model.train wrote")
    source.add_argument("--model", help="a bundle, to make a smaller one of")
    flags.add_argument(
        "--prepared",
        help="folder that the weights were trained from; of a bundle: data prepared with "
        "--trim_vocabulary, whose pieces it keeps",
    )
    flags.add_argument("--output", required=True, help="folder of the bundle")
    flags.add_argument(
        "--name", help="what to call the bundle; default: as in training, or as the output"
    )
    flags.add_argument(
        "--languages",
        type=language_codes,
        metavar="en,de",
        help="the languages of the texts that it was trained on; default: as in training",
    )
    flags.add_argument(
        "--half", action="store_true", help="store weights as float16, in half the bytes"
    )
    options = flags.parse_args(arguments)
    return run_command("model.export", lambda: _command(options))


def _command(options: argparse.Namespace) -> None:
    if options.weights and not options.prepared:
        raise ValueError("--weights needs --prepared, the folder that they were trained from")
    check_output(options.output)
    given = (options.prepared, options.output, options.name, options.languages, options.half)
    if options.weights:
        saved = export(options.weights, *given)
    else:
        saved = shrink(load_bundle(options.model), *given)
    trained_on = saved.training.get("device", "an unknown device")
    say(f"{saved.path}: {saved.name}, {len(saved.labels)} labels, trained on {trained_on}")


def export(
    weights_dir: str,
    prepared: str,
    output: str,
    name: str | None = None,
    languages: list[str] | None = None,
    half: bool = False,
) -> Bundle:
    """Makes a bundle of what `model.train` wrote without TensorFlow.

    Args:
        weights_dir: The folder that it wrote.
        prepared: The folder that it was trained from; its transform goes into the bundle.
        output: The bundle's folder.
        name: What to call the bundle; None keeps the name it was given in
            training; if it was given none, it is called as its folder.
        languages: Of the texts that it was trained on; None keeps what was said in training.
        half: Store weights as float16.

    Raises:
        BundleError: A folder is not what it should be, or the two don't belong together.
        ValueError: A weight is too large for float16.
    """
    check_output(output)
    trained, weights_file = weights.read_weights(weights_dir)
    description = read_prepared(prepared)
    if list(description["labels"]) != list(trained.labels):
        raise BundleError(
            f"{weights_dir} was trained on the labels {', '.join(trained.labels)}, "
            f"but {prepared} has {', '.join(description['labels'])}"
        )
    import_keras()
    from model.networks.registry import build_network

    network = build_network(trained.model)
    try:
        network.load_weights(weights_file)
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{weights_file} does not fit the network that {weights_dir} describes: "
            f"{first_line(error)}"
        ) from error
    return save_bundle(
        output,
        prepared=prepared,
        network=network,
        spec=stored_as(trained.model, half),
        training=with_languages(trained.training, languages),
        metrics=trained.metrics,
        name=name or trained.name or Path(output).name,
        profile=trained.profile,
        conformal=trained.conformal,
    )


if __name__ == "__main__":
    sys.exit(main())
