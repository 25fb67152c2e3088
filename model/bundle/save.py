"""Bundles are saved: beside their place, synced, and renamed into it."""

import datetime
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.bundle.load import (
    CARD,
    CONFORMAL,
    FORMAT,
    MANIFEST,
    METRICS,
    SAVED_MODEL,
    Bundle,
    BundleError,
    files_in,
    load_bundle,
    recorded,
    sha256_of,
    transform_dir,
)
from model.bundle.prepared import read_prepared
from model.bundle.versions import RECORDED_VERSIONS, installed_versions
from model.disk import sync, sync_tree


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
    conformal: Mapping[str, Any] | None = None,
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
        conformal: What label sets are made by, as `model.label_sets` found it for this network.

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
    return _write(Path(output), Path(transform_dir(prepared)), network, fields, conformal)


def save_again(
    bundle: Bundle,
    output: str | os.PathLike,
    *,
    network: Any,
    spec: Mapping[str, Any],
    metrics: Mapping[str, Any],
    profile: Mapping[str, Any] | None,
    conformal: Mapping[str, Any] | None = None,
) -> Bundle:
    """Writes a bundle with another network, and all else as it is.

    Args:
        bundle: What it is made of.
        output: As `save_bundle` has it, and so what follows; may be the bundle's own folder.
        network: A Keras model from token ids to probabilities, on the TensorFlow backend.
        spec: All that rebuilds the network.
        metrics: What was measured.
        profile: What the training corpus looked like.
        conformal: What label sets are made by; without, the new bundle makes none, since what was
            found for another network is not true of this one.

    Raises:
        BundleError: `output` holds something else.
    """
    check_output(output)
    kept = ("name", "labels", "max_tokens", "text_columns", "tokenizer", "training")
    fields = {key: getattr(bundle, key) for key in kept}
    fields |= {"model": spec, "metrics": metrics, "profile": profile}
    card = Path(bundle.path) / CARD
    return _write(Path(output), Path(bundle.transform_dir), network, fields, conformal, card)


def _write(
    target: Path,
    transform: Path,
    network: Any,
    fields: dict[str, Any],
    conformal: Mapping[str, Any] | None,
    card: Path | None = None,
) -> Bundle:
    """Writes a bundle beside its place, and its card, and renames it into place."""
    from model.networks.served import write_served

    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    earlier = beside.with_name(beside.name + "-earlier")
    try:
        beside.chmod(0o755)
        shutil.copytree(transform, beside / "transform")
        write_served(fields["model"], network, str(beside / SAVED_MODEL))
        if conformal is not None:
            _write_json(beside / CONFORMAL, conformal)
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
    _write_json(folder / METRICS, {**recorded(folder), **metrics})
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


def _digests(folder: Path) -> dict[str, str]:
    return {name: sha256_of(folder / name) for name in sorted(files_in(folder))}


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    beside = file.with_name(f".{file.name}.tmp")
    beside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sync(beside)
    beside.replace(file)
    sync(file.parent)
