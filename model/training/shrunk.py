"""Smaller bundles, made of one that is there: of fewer pieces, or with half the bytes a weight."""

import dataclasses
from typing import Any

from model.bundle.load import Bundle, transform_dir
from model.bundle.prepared import read_prepared
from model.bundle.save import save_again, save_bundle
from model.commands import import_keras
from model.label_sets import read_scores
from model.tokenizers.vocabularies import read_pieces


def shrink(
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
    name, training = name or bundle.name, with_languages(bundle.training, languages)
    description = None if prepared is None else _trimmed_data(bundle, prepared)
    import_keras()

    network, spec = bundle.network(), stored_as(bundle.model, half)
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


def with_languages(training: dict[str, Any], languages: list[str] | None) -> dict[str, Any]:
    """How a bundle was trained, with the languages of its texts, if they are given."""
    return {**training, "languages": languages} if languages else training


def stored_as(spec: dict[str, Any], half: bool) -> dict[str, Any]:
    """A network's spec, which says how its weights are stored."""
    return {**spec, "stored_in": "float16"} if half else spec
