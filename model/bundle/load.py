"""Bundles are loaded: what `bundle.json` says of one, each of its files held against it."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from model.bundle.fields import is_measurement, wrong_field

FORMAT = 1
MANIFEST = "bundle.json"
SAVED_MODEL = "saved_model"
WEIGHTS = "model.weights.h5"
CONFORMAL = "conformal.json"
METRICS = "metrics.json"
CARD = "README.md"
UNLISTED = (MANIFEST, METRICS, CARD)  # files that bundle.json needn't list


class BundleError(Exception):
    """A folder is no bundle that can be used; the message is one line for people."""


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A saved model and its tokenizer, as `bundle.json` describes them.

    Attributes:
        path: Its folder.
        digest: sha256 of `bundle.json`, which holds those of the other files: it names the content.
        name: What the user called it.
        labels: Names of the labels, in the order of the probabilities.
        max_tokens: Ids of a text that the model sees.
        text_columns: Columns that it was trained on, joined by a space.
        tokenizer: `kind`, `vocab_size`, `pad_id`, `unknown_id` and the like.
        model: `kind` and all that rebuilds the network.
        training: How it was trained: recipe, settings, rows, device, seed, seconds.
        metrics: What was measured, each under the name of the part it was measured on.
        profile: What the training corpus looked like (`model.data.corpus_profile`), or None.
        created: When it was saved, ISO 8601 in UTC.
        versions: Versions of the packages that made it.
        files: sha256 of every file, by its path in the folder.
    """

    path: str
    digest: str
    name: str
    labels: tuple[str, ...]
    max_tokens: int
    text_columns: tuple[str, ...]
    tokenizer: dict[str, Any]
    model: dict[str, Any]
    training: dict[str, Any]
    metrics: dict[str, Any]
    profile: dict[str, Any] | None
    created: str
    versions: dict[str, str]
    files: dict[str, str]

    @property
    def transform_dir(self) -> str:
        """The folder that `model.tokenizers.tokenizer.Tokenizer` reads."""
        return transform_dir(self.path)

    @property
    def saved_model_dir(self) -> str:
        """The folder of the TensorFlow SavedModel."""
        return os.path.join(self.path, SAVED_MODEL)

    def network(self, spec: Mapping[str, Any] | None = None) -> Any:
        """The network in Keras, with its weights: to look inside, or to train on.

        Args:
            spec: What to build instead of `model`; its weights must be the same.

        Raises:
            ValueError: The weights are those of another network, or can't be read here.
        """
        from model.networks.registry import build_network
        from model.networks.served import read_served

        network = build_network(self.model if spec is None else spec)
        if WEIGHTS in self.files:
            network.load_weights(os.path.join(self.path, WEIGHTS))
        else:
            read_served(network, self.saved_model_dir)
        return network

    @property
    def conformal_file(self) -> str | None:
        """The file that `model.label_sets.read_scores` reads, if the bundle has one."""
        return os.path.join(self.path, CONFORMAL) if CONFORMAL in self.files else None


def transform_dir(folder: str | os.PathLike) -> str:
    """Where the transform lies in a bundle, and in prepared data."""
    return os.path.join(folder, "transform")


def load_bundle(path: str | os.PathLike) -> Bundle:
    """Reads `bundle.json` and checks every file against it.

    Raises:
        BundleError: The folder isn't there, is no bundle, lacks a file, has a changed one or one
            more, or was written by a newer version of newsbeam.
    """
    folder = Path(path)
    manifest = folder / MANIFEST
    if not folder.is_dir():
        raise BundleError(f"no bundle at {folder}: there is no such folder")
    if not manifest.is_file():
        raise BundleError(f"{folder} is no bundle: it has no {MANIFEST}")
    content = manifest.read_bytes()
    fields = _fields(content, manifest)
    for name, expected in sorted(fields["files"].items()):
        _check_file(folder, name, expected)
    if unlisted := sorted(files_in(folder) - set(fields["files"]) - set(UNLISTED)):
        more = f" and {len(unlisted) - 1} more" if len(unlisted) > 1 else ""
        raise BundleError(
            f"{folder} holds {unlisted[0]}{more}, which its {MANIFEST} doesn't list: not the "
            "bundle that was saved"
        )
    fields["metrics"] |= recorded(folder)
    return Bundle(path=str(folder), digest=hashlib.sha256(content).hexdigest(), **fields)


def _fields(content: bytes, manifest: Path) -> dict[str, Any]:
    damaged = f"{manifest} is damaged: make the bundle again"
    try:
        fields = json.loads(content)
        version = fields.pop("format")
        newer = version > FORMAT
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise BundleError(damaged) from error
    if newer:
        raise BundleError(
            f"{manifest.parent} has layout {version}, and this newsbeam knows {FORMAT}: upgrade it"
        )
    expected = {field.name for field in dataclasses.fields(Bundle)} - {"path", "digest"}
    if version != FORMAT or isinstance(version, bool) or set(fields) != expected:
        raise BundleError(damaged)
    wrong = wrong_field(fields)
    if wrong is not None:
        raise BundleError(f"{manifest} is damaged ({wrong}): make the bundle again")
    for name in ("labels", "text_columns"):
        fields[name] = tuple(fields[name])
    return fields


def recorded(folder: Path) -> dict[str, Any]:
    """What was measured after the bundle was saved, by the part that it was measured on."""
    file = folder / METRICS
    if not file.exists():
        return {}
    try:
        metrics = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        metrics = None
    if not is_measurement(metrics):
        raise BundleError(f"{file} is damaged: delete it, and measure again")
    return metrics


def _check_file(folder: Path, name: str, expected: str) -> None:
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name:
        raise BundleError(f"{folder} is damaged: {name!r} leads out of it")
    file = folder / name
    if not file.is_file():
        raise BundleError(f"{folder} is damaged: {name} is missing")
    if sha256_of(file) != expected:
        raise BundleError(f"{folder} is damaged: {name} is not the file that was saved")


def files_in(folder: Path) -> set[str]:
    """What lies in a folder and below, links to folders among it; not the folders themselves."""
    return {
        entry.relative_to(folder).as_posix()
        for entry in folder.rglob("*")
        if entry.is_symlink() or not entry.is_dir()
    }


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
