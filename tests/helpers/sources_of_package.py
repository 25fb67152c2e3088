"""A copy of what the package is built from, since building leaves its traces where it is done."""

import subprocess
from pathlib import Path

from places import ROOT


def copy_sources(folder: Path) -> Path:
    """Copies the packages and what builds them to a folder; gives the folder."""
    copy = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(copy, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, names.split("\0")):
        if name.startswith(("pipeline/", "model/", "setup.py", "pyproject.toml")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder
