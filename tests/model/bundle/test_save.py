"""Bundles as they are saved: whole, in place of another, or not at all."""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from model.bundle.load import BundleError, load_bundle
from model.bundle.prepared import read_prepared
from model.bundle.save import check_output, record_metrics, save_bundle
from toys import toy_network

TOKEN_IDS = np.array([[2, 3, 6, 0], [7, 7, 7, 9]], np.int32)


@pytest.fixture
def copy(toy_bundle, tmp_path) -> Path:
    return Path(shutil.copytree(toy_bundle.path, tmp_path / "copy"))


def test_saved_model_gives_the_networks_probabilities(toy_bundle):
    import tensorflow as tf

    network, _ = toy_network()
    saved_model = tf.saved_model.load(toy_bundle.saved_model_dir)
    served = saved_model.serve(tf.constant(TOKEN_IDS))
    assert served.dtype == tf.float32
    np.testing.assert_allclose(served, network(TOKEN_IDS), atol=1e-6)


def test_saved_model_holds_each_weight_once(toy_bundle):
    import tensorflow as tf

    network, _ = toy_network()
    variables = tf.train.list_variables(toy_bundle.saved_model_dir + "/variables/variables")
    shapes = sorted(tuple(shape) for name, shape in variables if "VARIABLE_VALUE" in name)
    assert shapes == sorted(tuple(weight.shape) for weight in network.weights)
    assert not any(name.endswith(".h5") for name in toy_bundle.files)


def test_weights_rebuild_the_network(toy_bundle):
    rebuilt = toy_bundle.network()
    np.testing.assert_array_equal(rebuilt(TOKEN_IDS), toy_network()[0](TOKEN_IDS))


def test_an_older_bundle_has_its_weights_in_a_file_of_their_own(copy):
    network, _ = toy_network()
    network.set_weights([weight + 1 for weight in network.get_weights()])
    file = copy / "model.weights.h5"
    network.save_weights(file)
    description = json.loads((copy / "bundle.json").read_text())
    description["files"][file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    (copy / "bundle.json").write_text(json.dumps(description))
    read = load_bundle(copy).network()
    np.testing.assert_array_equal(read(TOKEN_IDS), network(TOKEN_IDS))


def test_network_of_no_known_kind():
    from model.networks.registry import build_network

    with pytest.raises(ValueError, match="no network is called 'lstm'"):
        build_network({"kind": "lstm"})


def save(output, prepared, network=None):
    toy, spec = toy_network()
    return save_bundle(
        output,
        prepared=prepared,
        network=network or toy,
        spec=spec,
        training={},
        metrics={},
        name="again",
    )


def test_a_bundle_replaces_a_bundle_and_nothing_else(copy, toy_prepared, tmp_path):
    (copy / "stale").write_text("")
    assert save(copy, toy_prepared).name == "again"
    assert not (copy / "stale").exists()

    other = tmp_path / "other"
    other.mkdir()
    check_output(other)
    (other / "thesis.txt").write_text("my only copy")
    with pytest.raises(BundleError, match="holds something else than a bundle"):
        save(other, toy_prepared)
    with pytest.raises(BundleError, match="is a file"):
        check_output(other / "thesis.txt")
    assert (other / "thesis.txt").read_text() == "my only copy"


def test_a_failed_save_leaves_the_older_bundle_and_no_litter(copy, toy_prepared):
    class Broken:
        @property
        def weights(self):
            raise OSError("no space left")

    before = load_bundle(copy)
    with pytest.raises(OSError, match="no space left"):
        save(copy, toy_prepared, Broken())
    assert load_bundle(copy) == before
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_a_bundle_is_on_the_disk_before_the_older_one_goes(copy, toy_prepared, monkeypatch):
    """Files, and the folders' names, are synced; then the folder with the bundle's own name."""
    events = []
    real_sync, real_rename, real_rmtree = os.fsync, Path.rename, shutil.rmtree

    def fsync(number):
        real_sync(number)
        events.append(("sync", os.fstat(number).st_ino))

    def rename(path, target):
        inodes = {one.stat().st_ino for one in [path, *path.rglob("*")]}
        events.append(("rename", Path(target).name, inodes))
        return real_rename(path, target)

    def rmtree(path, **options):
        events.append(("remove", Path(path).name))
        real_rmtree(path, **options)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(shutil, "rmtree", rmtree)
    save(copy, toy_prepared)
    renames = [place for place, event in enumerate(events) if event[0] == "rename"]
    assert events[renames[0]][1].endswith("-earlier") and events[renames[1]][1] == "copy"
    synced = {event[1] for event in events[: renames[0]] if event[0] == "sync"}
    assert len(events[renames[1]][2]) > 8  # the new bundle's files and folders
    assert events[renames[1]][2] <= synced
    gone = max(n for n, event in enumerate(events) if event[0] == "remove")
    assert ("sync", copy.parent.stat().st_ino) in events[renames[1] : gone]


def test_a_bundle_that_cannot_take_its_place_leaves_the_older_one(copy, toy_prepared, monkeypatch):
    before, real = load_bundle(copy), Path.rename

    def rename(path, target):
        if Path(target) == copy and not path.name.endswith("-earlier"):
            raise OSError("the disk is gone")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="the disk is gone"):
        save(copy, toy_prepared)
    assert load_bundle(copy) == before
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_recorded_metrics_lie_beside_it_and_its_digest_stays(copy, toy_prepared):
    before = load_bundle(copy)
    content = (copy / "bundle.json").read_bytes()
    record_metrics(before, {"test": {"accuracy": 0.5}})
    after = record_metrics(before, {"later": {"accuracy": 0.25}})
    assert after.metrics == {"test": {"accuracy": 0.5}, "later": {"accuracy": 0.25}}
    assert (copy / "bundle.json").read_bytes() == content
    assert dataclasses.replace(after, metrics={}) == before
    assert save(copy, toy_prepared).metrics == {}  # of another network they would be wrong


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is no prepared data: it has no prepared.json"),
        ("{}", "is damaged: prepare the data again"),
        ('{"format": 9}', "was written by a newer newsbeam: prepare it again"),
    ],
)
def test_folders_that_are_no_prepared_data(tmp_path, content, message):
    if content is not None:
        (tmp_path / "prepared.json").write_text(content)
    with pytest.raises(BundleError, match=message):
        read_prepared(tmp_path)
