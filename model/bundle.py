"""The bundle: one folder with all that scoring needs. The only file that knows its layout.

    bundle.json        what it is, how it was trained, and the sha256 of every other file
    transform/         what tf.Transform wrote: text -> token ids
    saved_model/       `serve(token_ids int32[batch, length]) -> float32[batch, labels]`
    model.weights.h5   Keras weights, to train on or to look inside
    metrics.json       what was measured after it was saved; its digest stays what it was
    README.md          a model card, if somebody wrote one; nothing reads it

A folder that holds anything else is no bundle: what loads it might pick up more than was saved.
Importing this module loads neither TensorFlow nor Keras; `save_bundle` does.
"""

import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from model.bundle_fields import is_measurement, wrong_field
from model.disk import sync, sync_tree

FORMAT = 1
PREPARED_FORMAT = 2  # of the folder that `pipeline.prepare` writes; 1 had no hashes of the texts
MANIFEST = "bundle.json"
WEIGHTS = "model.weights.h5"
METRICS = "metrics.json"
CARD = "README.md"
UNLISTED = (MANIFEST, METRICS, CARD)  # files that bundle.json needn't list
RECORDED_VERSIONS = ("keras", "keras-hub", "tensorflow", "tensorflow-transform", "jax", "newsbeam")


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
        return os.path.join(self.path, "transform")

    @property
    def saved_model_dir(self) -> str:
        """The folder of the TensorFlow SavedModel."""
        return os.path.join(self.path, "saved_model")

    @property
    def weights_file(self) -> str:
        """The file that `keras.Model.load_weights` reads."""
        return os.path.join(self.path, WEIGHTS)


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
    if unlisted := sorted(_names(folder) - set(fields["files"]) - set(UNLISTED)):
        more = f" and {len(unlisted) - 1} more" if len(unlisted) > 1 else ""
        raise BundleError(
            f"{folder} holds {unlisted[0]}{more}, which its {MANIFEST} doesn't list: not the "
            "bundle that was saved"
        )
    fields["metrics"] |= _recorded(folder)
    return Bundle(path=str(folder), digest=hashlib.sha256(content).hexdigest(), **fields)


def save_bundle(
    output: str | os.PathLike,
    *,
    prepared: str | os.PathLike,
    network: Any,
    spec: Mapping[str, Any],
    training: Mapping[str, Any],
    metrics: Mapping[str, Any],
    name: str,
    profile: Mapping[str, Any] | None = None,
) -> Bundle:
    """Writes a bundle beside its place and renames it into place; replaces a bundle there.

    Args:
        output: Its folder: absent, empty, or an older bundle.
        prepared: The folder that the network was trained from; its transform is copied.
        network: A Keras model from token ids to probabilities, on the TensorFlow backend.
        spec: All that rebuilds the network, `kind` among it.
        training: How it was trained.
        metrics: What was measured.
        name: What to call it.
        profile: What the training corpus looked like.

    Raises:
        BundleError: `output` holds something else, or `prepared` is not what `pipeline.prepare`
            writes.
    """
    check_output(output)
    description = read_prepared(prepared)
    fields = {
        "name": name,
        **{key: description[key] for key in ("labels", "max_tokens", "text_columns", "tokenizer")},
        "model": spec,
        "training": training,
        "metrics": metrics,
        "profile": profile,
    }
    return _write(Path(output), Path(prepared) / "transform", network, fields)


def save_again(
    bundle: Bundle,
    output: str | os.PathLike,
    *,
    network: Any,
    spec: Mapping[str, Any],
    metrics: Mapping[str, Any],
    profile: Mapping[str, Any] | None,
) -> Bundle:
    """Writes a bundle with another network, and all else as it is.

    Args:
        bundle: What it is made of.
        output: As `save_bundle` has it, and so what follows; may be the bundle's own folder.
        network: A Keras model from token ids to probabilities, on the TensorFlow backend.
        spec: All that rebuilds the network.
        metrics: What was measured.
        profile: What the training corpus looked like.

    Raises:
        BundleError: `output` holds something else.
    """
    check_output(output)
    kept = ("name", "labels", "max_tokens", "text_columns", "tokenizer", "training")
    fields = {key: getattr(bundle, key) for key in kept}
    fields |= {"model": spec, "metrics": metrics, "profile": profile}
    card = Path(bundle.path) / CARD
    return _write(Path(output), Path(bundle.transform_dir), network, fields, card)


def _write(
    target: Path, transform: Path, network: Any, fields: dict[str, Any], card: Path | None = None
) -> Bundle:
    """Writes a bundle beside its place, and its card, and renames it into place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    earlier = beside.with_name(beside.name + "-earlier")
    try:
        beside.chmod(0o755)
        shutil.copytree(transform, beside / "transform")
        network.save_weights(beside / WEIGHTS)
        _export(network, fields["model"], beside / "saved_model")
        made = {
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "versions": installed_versions(RECORDED_VERSIONS),
            "files": _digests(beside),
        }
        _write_json(beside / MANIFEST, {"format": FORMAT, **fields, **made})
        if card is not None and card.is_file():
            shutil.copyfile(card, beside / CARD)
        sync_tree(beside)  # a machine that is lost must not take both bundles along
        _replace(target, beside, earlier)
    finally:
        for leftover in (beside, earlier):
            shutil.rmtree(leftover, ignore_errors=True)
    return load_bundle(target)


def _replace(target: Path, new: Path, earlier: Path) -> None:
    """Gives a folder the place of another, which moves aside; or leaves it where it is."""
    if target.exists():
        target.rename(earlier)
    try:
        new.rename(target)
    except BaseException:
        if earlier.exists():
            earlier.rename(target)
        raise
    sync(target.parent)


def record_metrics(bundle: Bundle, metrics: Mapping[str, Any]) -> Bundle:
    """Adds to the metrics of a saved bundle, beside `bundle.json`: its digest stays what it was.

    Else a series of runs would take it for another bundle, and score everything again.
    """
    folder = Path(bundle.path)
    _write_json(folder / METRICS, {**_recorded(folder), **metrics})
    return load_bundle(folder)


def check_output(output: str | os.PathLike) -> None:
    """Refuses a place where a bundle would overwrite something else.

    Raises:
        BundleError: A file is there, or a folder with something else than a bundle in it.
    """
    target = Path(output)
    if target.is_dir():
        if any(target.iterdir()) and not (target / MANIFEST).is_file():
            raise BundleError(f"{target} holds something else than a bundle: choose another folder")
    elif target.exists():
        raise BundleError(f"{target} is a file: a bundle is a folder")


def read_prepared(prepared: str | os.PathLike) -> dict[str, Any]:
    """Reads `prepared.json`.

    Raises:
        BundleError: The folder is not what `pipeline.prepare` writes.
    """
    file = Path(prepared) / "prepared.json"
    if not file.is_file():
        raise BundleError(f"{prepared} is no prepared data: it has no prepared.json")
    try:
        description = json.loads(file.read_bytes())
        if description["format"] > PREPARED_FORMAT:
            raise BundleError(f"{prepared} was written by a newer newsbeam: prepare it again")
        for key in ("labels", "max_tokens", "text_columns", "tokenizer"):
            description[key]
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{file} is damaged: prepare the data again") from error
    return description


def installed_versions(distributions: Sequence[str]) -> dict[str, str]:
    """Versions of those of the distributions that are installed."""
    versions = {}
    for distribution in distributions:
        try:
            versions[distribution] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


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


def _recorded(folder: Path) -> dict[str, Any]:
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
    if _sha256(file) != expected:
        raise BundleError(f"{folder} is damaged: {name} is not the file that was saved")


def _export(network: Any, spec: Mapping[str, Any], output: Path) -> None:
    import keras
    import tensorflow as tf

    from model.networks.registry import serving_function

    # The archive finds the variables that `serve` uses; after `track`, it saves them twice.
    archive = keras.export.ExportArchive()
    signature = [tf.TensorSpec([None, None], tf.int32, name="token_ids")]
    archive.add_endpoint("serve", serving_function(spec, network), input_signature=signature)
    archive.write_out(str(output), verbose=False)


def _digests(folder: Path) -> dict[str, str]:
    return {name: _sha256(folder / name) for name in sorted(_names(folder))}


def _names(folder: Path) -> set[str]:
    """What lies in a folder and below, links to folders among it; not the folders themselves."""
    return {
        entry.relative_to(folder).as_posix()
        for entry in folder.rglob("*")
        if entry.is_symlink() or not entry.is_dir()
    }


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    beside = file.with_name(f".{file.name}.tmp")
    beside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sync(beside)
    beside.replace(file)
    sync(file.parent)
