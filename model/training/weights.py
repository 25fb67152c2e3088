"""Trained weights that are not yet a bundle: what a machine without TensorFlow hands over.

    training.json      name, labels, the network's spec, how it was trained, metrics, profile, and
                       what label sets are made by
    model.weights.h5   Keras weights

`python -m model.export` makes the bundle of them where TensorFlow is.
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from model.bundle.load import BundleError

DESCRIPTION = "training.json"
WEIGHTS = "model.weights.h5"


@dataclasses.dataclass(frozen=True)
class Trained:
    """What is known of a trained network; the names are those of `model.bundle.load.Bundle`.

    `name` is empty if it was given none.
    """

    name: str
    labels: list[str]
    model: dict[str, Any]
    training: dict[str, Any]
    metrics: dict[str, Any]
    profile: dict[str, Any] | None
    conformal: dict[str, Any] | None = None  # older ones have none


def save_weights(output: str | os.PathLike, network: Any, trained: Trained) -> None:
    """Writes the weights of a Keras model, then what is known of it."""
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    network.save_weights(folder / WEIGHTS)
    content = json.dumps(dataclasses.asdict(trained), indent=1, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(content + "\n", encoding="utf-8")


def read_weights(folder: str | os.PathLike) -> tuple[Trained, str]:
    """Reads what is known, and gives the path of the weights for `keras.Model.load_weights`.

    Raises:
        BundleError: The folder is not what `model.train` writes without TensorFlow.
    """
    description, weights = Path(folder) / DESCRIPTION, Path(folder) / WEIGHTS
    for file in (description, weights):
        if not file.is_file():
            raise BundleError(f"{folder} holds no trained weights: it has no {file.name}")
    try:
        return Trained(**json.loads(description.read_bytes())), str(weights)
    except (ValueError, TypeError) as error:
        raise BundleError(f"{description} is damaged: train again") from error


def check_output(output: str | os.PathLike) -> None:
    """Refuses a place where weights would overwrite something else.

    Raises:
        BundleError: A file is there, or a folder with something else than weights in it.
    """
    target = Path(output)
    if target.is_dir():
        if any(target.iterdir()) and not (target / DESCRIPTION).is_file():
            raise BundleError(f"{target} holds something else: choose another folder")
    elif target.exists():
        raise BundleError(f"{target} is a file: weights are a folder")
