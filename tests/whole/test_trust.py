"""What a stranger's bundle or corpus can't do."""

import ast
import json
import os
from pathlib import Path

import pytest

from fakes import fake_bundle
from model.bundle.load import load_bundle
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.saved_plan import load_plan, save_plan
from pipeline.corpus.sources import Columns, ReadSettings
from pipeline.errors import UsageError
from pipeline.stages.context import RunContext
from pipeline.stages.scoring import ScoreDocuments
from pipeline.worker import bundles
from pipeline.worker.bundles import fetch, open_bundle
from places import ROOT

# What turns bytes into code or objects of any class.
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml"}
CALLS = {"eval", "exec", "compile", "__import__", "load_module", "unsafe_load", "load_model"}
FLAGS = {"allow_pickle", "enable_unsafe_deserialization", "safe_mode"}


@pytest.mark.parametrize("room", ["pipeline", "model"])
def test_nothing_is_unpickled_or_executed(room):
    files = sorted((ROOT / room).rglob("*.py"))
    assert len(files) > 5
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & MODULES, file
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in MODULES, file
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in CALLS, (file, node.lineno)
            elif isinstance(node, ast.keyword):
                assert node.arg not in FLAGS, (file, node.lineno)


@pytest.fixture
def bundle(tmp_path):
    open_bundle.cache_clear()
    yield fake_bundle(tmp_path / "bundle")
    open_bundle.cache_clear()


def load_as_a_worker(bundle: str, digest: str) -> None:
    """Sets up the stage that scores, by a plan that names the bundle by its digest."""
    work = Path(bundle).parent / "work"
    settings = {"bundle": digest, "engine": ["tensorflow", "float32", 10]}
    save_plan(
        Plan(settings, Columns(("t",)), {}, ReadSettings(10), [], [], []), f"{work}/plan.json"
    )
    load_plan.cache_clear()
    documents = ScoreDocuments(RunContext(str(work), "", bundle))
    documents.expand.__globals__["_ScoreDocuments"](documents.context).setup()


def test_a_worker_refuses_a_changed_byte(bundle):
    digest = load_bundle(bundle).digest
    (Path(bundle) / "transform" / "vocabulary").write_text("pa9er")
    with pytest.raises(UsageError, match=r"transform/vocabulary is not the file that was saved"):
        load_as_a_worker(bundle, digest)


def test_a_worker_refuses_another_bundle(bundle):
    digest = load_bundle(bundle).digest
    manifest = Path(bundle) / "bundle.json"
    manifest.write_text(manifest.read_text().replace("World", "World!"))
    with pytest.raises(UsageError, match="has changed since the run was planned"):
        load_as_a_worker(bundle, digest)


def test_a_bundle_that_leads_out_of_its_folder(bundle, tmp_path):
    (tmp_path / "secret").write_text("fake")
    manifest = Path(bundle) / "bundle.json"
    described = json.loads(manifest.read_text())
    described["files"] = {"../secret": described["files"]["transform/vocabulary"]}
    manifest.write_text(json.dumps(described))
    with pytest.raises(UsageError, match="leads out of it"):
        open_bundle(bundle)


def remote(monkeypatch, bundle):
    """Lets `gs://bundle` be a folder here."""
    real = bundles.storage

    class Store:
        join = staticmethod(real.join)
        COPY_BYTES = real.COPY_BYTES
        is_local = staticmethod(lambda path: not path.startswith("gs://"))

        @staticmethod
        def open_input(path):
            return real.open_input(path.replace("gs://bundle", bundle))

        @staticmethod
        def match(_):
            paths = [path for path in Path(bundle).rglob("*") if path.is_file()]
            return [real.FileInfo(str(path).replace(bundle, "gs://bundle"), 0) for path in paths]

    monkeypatch.setattr(bundles, "storage", Store)


def test_a_bundle_in_a_store_is_fetched_and_checked(bundle, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    remote(monkeypatch, bundle)
    assert open_bundle("gs://bundle").digest == load_bundle(bundle).digest
    [own] = tmp_path.glob("newsbeam-*")
    assert (own.name, own.stat().st_mode & 0o777) == (f"newsbeam-{os.getuid()}", 0o700)
    assert len([path for path in own.glob("bundle-*") if path.is_dir()]) == 1


def test_a_fetched_bundle_never_lies_where_others_may_write(bundle, monkeypatch, tmp_path):
    """Whoever is first to make a name in the folder for temporary files owns it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"newsbeam-{os.getuid()}").mkdir()
    (tmp_path / f"newsbeam-{os.getuid()}").chmod(0o777)
    remote(monkeypatch, bundle)
    with pytest.raises(UsageError, match="not a folder that you alone may use"):
        fetch("gs://bundle")


def test_another_bundle_where_ours_is_kept_is_refused(bundle, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    remote(monkeypatch, bundle)
    kept = Path(fetch("gs://bundle"))
    manifest = kept / "bundle.json"
    manifest.write_text(manifest.read_text().replace("World", "Evil"))
    with pytest.raises(UsageError, match="is not the bundle"):
        open_bundle("gs://bundle")
