"""Makes a bundle of trained weights, or a smaller one of a bundle: `python -m model.export`.

The other half of training on a machine with a GPU and no TensorFlow: there `model.train` leaves
weights, here TensorFlow writes the SavedModel that scoring reads. Of a bundle that is there, it
makes one with a trimmed vocabulary, or with weights in half the bytes.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.bundle.load import Bundle, BundleError, load_bundle, transform_dir
from model.bundle.prepared import read_prepared
from model.bundle.save import check_output, save_again, save_bundle
from model.commands import import_keras, run_command
from model.console.arguments import Parser, program
from model.console.terminal import first_line, say
from model.console.values import language_codes
from model.label_sets import read_scores
from model.tokenizers.vocabularies import read_pieces
from model.training import weights


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
    told = (options.prepared, options.output, options.name, options.languages, options.half)
    if options.weights:
        saved = export(options.weights, *told)
    else:
        saved = export_smaller(load_bundle(options.model), *told)
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
        spec=_stored(trained.model, half),
        training=_told(trained.training, languages),
        metrics=trained.metrics,
        name=name or trained.name or Path(output).name,
        profile=trained.profile,
        conformal=trained.conformal,
    )


def export_smaller(
    bundle: Bundle,
    prepared: str | None,
    output: str,
    name: str | None = None,
    languages: list[str] | None = None,
    half: bool = False,
) -> Bundle:
    """Makes a smaller bundle of one that is there.

    Args:
        bundle: What it is made of.
        prepared: Data prepared with a trimmed vocabulary, whose pieces are kept; None keeps all.
            What was measured of the whole network is not true of such a one, and left out.
        output: The new bundle's folder; may be the bundle's own.
        name: What to call it; None keeps the name.
        languages: Of the texts that it was trained on; None keeps what was said in training.
        half: Store weights as float16.

    Raises:
        BundleError: A folder is not what it should be.
        ValueError: The two don't belong together, or a weight is too large for float16.
    """
    name, training = name or bundle.name, _told(bundle.training, languages)
    description = None if prepared is None else _trimmed_data(bundle, prepared)
    import_keras()

    network, spec = bundle.network(), _stored(bundle.model, half)
    if description is None:
        return save_again(
            dataclasses.replace(bundle, name=name, training=training),
            output,
            network=network,
            spec=spec,
            metrics=bundle.metrics,
            profile=bundle.profile,
            conformal=read_scores(bundle),
        )
    from model.networks.smaller import smaller_classifier
    from model.training.backbones import kept_rows

    rows = kept_rows(bundle.path, read_pieces(transform_dir(str(prepared))))
    spec, network = smaller_classifier(spec, network, rows, description["max_tokens"])
    return save_bundle(
        output,
        prepared=str(prepared),
        network=network,
        spec=spec,
        training=training,
        metrics={},
        name=name,
        profile=description.get("profile"),
    )


def _trimmed_data(bundle: Bundle, prepared: str) -> dict[str, Any]:
    """Describes prepared data, if a bundle can take over their vocabulary."""
    description = read_prepared(prepared)
    if list(description["labels"]) != list(bundle.labels):
        raise ValueError(f"{prepared} has other labels than {bundle.path}")
    same = ("kind", "lowercase", "strip_accents")
    theirs, ours = description["tokenizer"], bundle.tokenizer
    if (
        bundle.model["kind"] != "bert"
        or theirs.get("trimmed_from") != ours["vocab_size"]
        or any(theirs[name] != ours[name] for name in same)
        or description["max_tokens"] > bundle.model["max_sequence_length"]
    ):
        raise ValueError(
            f"{prepared} doesn't keep a part of the vocabulary of {bundle.path}: prepare it with "
            f"--tokenizer wordpiece --backbone {bundle.path} --trim_vocabulary N"
        )
    return description


def _told(training: dict[str, Any], languages: list[str] | None) -> dict[str, Any]:
    return {**training, "languages": languages} if languages else training


def _stored(spec: dict[str, Any], half: bool) -> dict[str, Any]:
    return {**spec, "stored_in": "float16"} if half else spec


if __name__ == "__main__":
    sys.exit(main())
