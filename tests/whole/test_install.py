"""The package as remote workers install it."""

import ast
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions

import pytest

from places import ROOT
from sources_of_package import copy_sources


@pytest.mark.slow
def test_the_installed_package_works_from_another_folder(tmp_path):
    """Its dependencies are those of the environment; what is tested is that no file is missing."""
    built = copy_sources(tmp_path / "build")
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "bdist_wheel"],
        cwd=built,
        check=True,
        capture_output=True,
    )
    (wheel,) = (built / "dist").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    printed = subprocess.run(
        [sys.executable, "-m", "pipeline.score", "--help"],
        cwd=elsewhere,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "--carry_columns" in printed
    # As the script does that an installer writes for the wheel's entry point.
    script = (
        "import sys; from importlib.metadata import entry_points\n"
        "(newsbeam,) = entry_points(group='console_scripts', name='newsbeam')\n"
        "sys.exit(newsbeam.load()())"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, "--version"],
        cwd=elsewhere,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert said == "newsbeam 0.1.0\n"
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import model.bundle.load as one, pipeline.corpus.documents; print(one.__file__)",
        ],
        cwd=elsewhere,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert found.startswith(str(site))
    packed = {path.relative_to(site) for path in site.rglob("*") if path.suffix in (".py", ".j2")}
    assert packed == {
        path.relative_to(built)
        for folder in ("pipeline", "model")
        for path in (built / folder).rglob("*")
        if path.suffix in (".py", ".j2")
    }


def test_what_is_imported_is_declared():
    """By the names of distributions; `google` is shared by those of `apache-beam[gcp]`."""
    declared = set(re.findall(r'"([\w-]+)(?:\[[\w-]+\])?>=', (ROOT / "setup.py").read_text()))
    known = packages_distributions()
    for path in [*ROOT.glob("pipeline/**/*.py"), *ROOT.glob("model/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module]
            for top in {name.partition(".")[0] for name in names}:
                if top in sys.stdlib_module_names or top in ("pipeline", "model"):
                    continue
                assert declared & {name.lower() for name in known[top]}, (path, top)
