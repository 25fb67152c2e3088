"""Bundles as they are loaded: whole, damaged, changed."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from model.bundle.load import BundleError, load_bundle
from toys import TOY_LABELS, TOY_TOKENIZER


@pytest.fixture
def copy(toy_bundle, tmp_path) -> Path:
    return Path(shutil.copytree(toy_bundle.path, tmp_path / "copy"))


def edit(folder: Path, **changes) -> None:
    manifest = folder / "bundle.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))


def test_what_was_saved_is_what_is_loaded(toy_bundle):
    loaded = load_bundle(toy_bundle.path)
    assert loaded == toy_bundle
    assert loaded.labels == tuple(TOY_LABELS)
    assert loaded.text_columns == ("title", "description")
    assert loaded.max_tokens == 16
    assert loaded.tokenizer == TOY_TOKENIZER
    assert loaded.model["kind"] == "transformer"
    manifest = Path(toy_bundle.path, "bundle.json").read_bytes()
    assert loaded.digest == hashlib.sha256(manifest).hexdigest()
    in_folder = {
        file.relative_to(toy_bundle.path).as_posix()
        for file in Path(toy_bundle.path).rglob("*")
        if file.is_file()
    }
    assert set(loaded.files) == in_folder - {"bundle.json"}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: shutil.rmtree(f), "no bundle at {f}: there is no such folder"),
        (lambda f: (f / "bundle.json").unlink(), "{f} is no bundle: it has no bundle.json"),
        (
            lambda f: (f / "bundle.json").write_text("{"),
            "{f}/bundle.json is damaged: make the bundle again",
        ),
        (
            lambda f: (f / "bundle.json").write_text("[1]"),
            "{f}/bundle.json is damaged: make the bundle again",
        ),
        (
            lambda f: edit(f, surprise=1),
            "{f}/bundle.json is damaged: make the bundle again",
        ),
        (
            lambda f: edit(f, format=2),
            "{f} has layout 2, and this newsbeam knows 1: upgrade it",
        ),
        (
            lambda f: (f / "saved_model/saved_model.pb").unlink(),
            "{f} is damaged: saved_model/saved_model.pb is missing",
        ),
        (
            lambda f: (f / "transform/transform_fn/assets/vocabulary").write_text("the\n"),
            "{f} is damaged: transform/transform_fn/assets/vocabulary is not the file that was "
            "saved",
        ),
        (
            lambda f: edit(f, files={"../toys.py": "0" * 64}),
            "{f} is damaged: '../toys.py' leads out of it",
        ),
        (
            lambda f: edit(f, files={"/etc/hosts": "0" * 64}),
            "{f} is damaged: '/etc/hosts' leads out of it",
        ),
        (
            lambda f: edit(f, files={}),
            "{f}/bundle.json is damaged (files): make the bundle again",
        ),
        (
            lambda f: edit(f, files={"model.weights.h5": 0}),
            "{f}/bundle.json is damaged (files): make the bundle again",
        ),
        (
            lambda f: (f / "saved_model/saved_model.pbtxt").touch(),
            "{f} holds saved_model/saved_model.pbtxt, which its bundle.json doesn't list: not the "
            "bundle that was saved",
        ),
        (
            lambda f: [(f / "transform" / name).touch() for name in ("README.md", "a", "b")],
            "{f} holds transform/README.md and 2 more, which its bundle.json doesn't list: not the "
            "bundle that was saved",
        ),
        (
            lambda f: (f / "saved_model/assets.extra").symlink_to("/etc"),
            "{f} holds saved_model/assets.extra, which its bundle.json doesn't list: not the "
            "bundle that was saved",
        ),
    ],
)
def test_a_damaged_bundle_is_one_line(copy, damage, message):
    damage(copy)
    with pytest.raises(BundleError) as caught:
        load_bundle(copy)
    assert str(caught.value) == message.format(f=copy)


def test_a_model_card_and_empty_folders_may_lie_in_a_bundle(copy, toy_bundle):
    (copy / "README.md").write_text("What it is good for.")
    (copy / "saved_model/assets").mkdir(exist_ok=True)
    assert load_bundle(copy).digest == toy_bundle.digest


@pytest.mark.parametrize("content", ["", "[]", "{}{", '{"test": 5}', '{"test": {"rows": "a"}}'])
def test_recorded_metrics_that_are_damaged(copy, content):
    (copy / "metrics.json").write_text(content)
    with pytest.raises(BundleError) as caught:
        load_bundle(copy)
    assert str(caught.value) == f"{copy}/metrics.json is damaged: delete it, and measure again"


def test_importing_it_loads_neither_tensorflow_nor_keras():
    code = "import sys, model.bundle.load, model.bundle.save\n"
    code += "print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
