"""Makes a bundle of trained weights: `python -m model.export`.

The other half of training on a machine with a GPU and no TensorFlow: there `model.train` leaves
weights, here TensorFlow writes the SavedModel that scoring reads.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from model.bundle.load import Bundle, BundleError
from model.bundle.prepared import read_prepared
from model.bundle.save import check_output, save_bundle
from model.commands import import_keras, run_command
from model.console.arguments import Parser, program
from model.console.terminal import first_line, say
from model.console.values import language_codes
from model.training import weights


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    flags = Parser(prog=program("model.export"), description=__doc__)
    flags.add_argument("--weights", required=True, help="folder that model.train wrote")
    flags.add_argument("--prepared", required=True, help="folder that it was trained from")
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
    options = flags.parse_args(arguments)

    def command() -> None:
        saved = export(
            options.weights, options.prepared, options.output, options.name, options.languages
        )
        trained_on = saved.training.get("device", "an unknown device")
        say(f"{saved.path}: {saved.name}, {len(saved.labels)} labels, trained on {trained_on}")

    return run_command("model.export", command)


def export(
    weights_dir: str,
    prepared: str,
    output: str,
    name: str | None = None,
    languages: list[str] | None = None,
) -> Bundle:
    """Makes a bundle of what `model.train` wrote without TensorFlow.

    Args:
        weights_dir: The folder that it wrote.
        prepared: The folder that it was trained from; its transform goes into the bundle.
        output: The bundle's folder.
        name: What to call the bundle; None keeps the name it was given in
            training; if it was given none, it is called as its folder.
        languages: Of the texts that it was trained on; None keeps what was said in training.

    Raises:
        BundleError: A folder is not what it should be, or the two don't belong together.
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
        spec=trained.model,
        training={**trained.training, **({"languages": languages} if languages else {})},
        metrics=trained.metrics,
        name=name or trained.name or Path(output).name,
        profile=trained.profile,
        conformal=trained.conformal,
    )


if __name__ == "__main__":
    sys.exit(main())
