"""A folder of one's own, and content that outlives the machine."""

import os
import stat

import pytest

from model.disk import private_folder, sync_tree


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_the_private_folder_is_made_once_and_for_its_user_alone(temporary):
    folder = private_folder()
    assert folder == temporary / f"newsbeam-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert private_folder() == folder


def link(folder, elsewhere):
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)


def open_to_all(folder, _):
    folder.mkdir()
    folder.chmod(0o777)


def of_somebody_else(folder, _):
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, -1)


@pytest.mark.parametrize("squat", [link, open_to_all, of_somebody_else])
def test_a_folder_that_others_may_write_is_refused(temporary, squat):
    if squat is of_somebody_else and os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    squat(temporary / f"newsbeam-{os.getuid()}", temporary / "elsewhere")
    with pytest.raises(PermissionError, match="not a folder that you alone may use"):
        private_folder()


def test_every_file_and_folder_is_synced_the_inner_ones_first(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    (tmp_path / "other").write_text("y")
    seen = []
    monkeypatch.setattr(os, "fsync", lambda number: seen.append(os.fstat(number).st_ino))
    sync_tree(tmp_path)
    paths = ["a/b/file", "a/b", "a", "other", "."]
    assert seen == [(tmp_path / path).stat().st_ino for path in paths]
