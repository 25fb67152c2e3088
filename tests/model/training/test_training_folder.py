"""The folder that a training keeps its epochs in: only what it wrote is ever deleted."""

import pytest

from model.training.fitting import Interrupted, check_folder, clear


def test_what_a_training_keeps_is_cleared(tmp_path):
    folder = tmp_path / "bundle.training"
    check_folder(folder)
    clear(folder)
    folder.mkdir()
    for name in ("settings.json", "history.json", "best.weights.h5", "epoch-12.weights.h5"):
        (folder / name).write_text("")
    check_folder(folder)
    clear(folder)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["thesis.txt", "weights.h5", "epoch-one.weights.h5"])
def test_a_folder_of_somebody_elses_is_refused(tmp_path, name):
    (tmp_path / name).write_text("a year's work")
    with pytest.raises(Interrupted, match=f"{name} is none of a training's files"):
        check_folder(tmp_path)
    clear(tmp_path)
    assert (tmp_path / name).read_text() == "a year's work"


def test_a_link_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "bundle.training").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Interrupted, match="is no folder of a training"):
        check_folder(tmp_path / "bundle.training")
