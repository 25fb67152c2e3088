"""Fits a compiled network: best epoch kept, and able to go on after an interruption."""

import contextlib
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from model.data.batches import LengthGroupedBatches

_KEPT = re.compile(r"settings\.json|history\.json(\.tmp)?|(best|epoch-\d+)\.weights\.h5")


class Interrupted(ValueError):
    """What an earlier training left cannot be gone on with; the message is one line for people."""


class KeepEpochs(keras.callbacks.Callback):
    """Keeps, in a folder, the weights of the best epoch and all that the next epoch starts from.

    Keras' `ModelCheckpoint` and `BackupAndRestore` do as much, but the one forgets the best value
    with the process, and the other writes over its only good file.

    Args:
        folder: Where they lie; `history.json` is written last and says which epochs are done.
        monitor: The figure to compare; more is better, and of equal epochs the later one, whose
            learning rate has come further down. None keeps the last epoch.
    """

    def __init__(self, folder: Path, monitor: str | None):
        super().__init__()
        self._folder = folder
        self._monitor = monitor
        self._began = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self._began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Saves the epoch."""
        history = read_history(self._folder)
        figures = {name: float(value) for name, value in (logs or {}).items()}
        figures["seconds"] = time.monotonic() - self._began
        earlier = [past[self._monitor] for past in history] if self._monitor else []
        if not earlier or figures[self._monitor] >= max(earlier):
            self.model.save_weights(self._folder / "best.weights.h5")
        self.model.save_weights(_state_file(self._folder, epoch + 1))
        beside = self._folder / "history.json.tmp"
        beside.write_text(json.dumps([*history, figures]))
        beside.replace(self._folder / "history.json")
        _state_file(self._folder, epoch).unlink(missing_ok=True)


class SeedEpochs(keras.callbacks.Callback):
    """Sets what an epoch's batches and dropout draw from, by the epoch's number alone.

    Keras doesn't save the state of its random generators with the weights; so a training that is
    gone on with still draws what it would have drawn.
    """

    def __init__(self, seed: int, training: LengthGroupedBatches):
        super().__init__()
        self._seed = seed
        self._training = training

    def on_epoch_begin(self, epoch, logs=None):
        """Draws the batches and sets the state of every generator."""
        self._training.start_at(epoch)
        draw = np.random.default_rng([self._seed, epoch])
        for variable in self.model.variables:
            if variable.name == "seed_generator_state":
                variable.assign(draw.integers(0, 2**31, variable.shape))


def fit(
    network: keras.Model,
    training: LengthGroupedBatches,
    held_out: LengthGroupedBatches | None,
    *,
    epochs: int,
    folder: Path,
    settings: Mapping[str, Any],
    resume: bool,
    callbacks: list[keras.callbacks.Callback],
    verbose: int,
) -> list[dict[str, float]]:
    """Trains a network and leaves it with the weights of its best epoch.

    Args:
        network: Compiled, with `accuracy` among its metrics.
        training: What to train on.
        held_out: What to choose the best epoch by; None keeps the last epoch.
        epochs: How often to go through them.
        folder: Where to keep what `resume` needs; removed by whoever saves the result.
        settings: All that decides the result, `seed` among it; must be the same to go on.
        resume: Whether to go on with what lies in `folder`. A folder without anything starts anew.
        callbacks: More of them.
        verbose: As `keras.Model.fit` has it.

    Returns:
        The figures of each epoch, as Keras calls them, and its seconds.

    Raises:
        Interrupted: `folder` holds a training with other settings.
    """
    _check_settings(folder, settings, resume)
    begun = len(read_history(folder))
    if begun:
        network.optimizer.build(network.trainable_variables)
        network.load_weights(_state_file(folder, begun))
    if begun < epochs:
        network.fit(
            training.for_keras(),
            validation_data=held_out and held_out.for_keras(),
            initial_epoch=begun,
            epochs=epochs,
            shuffle=False,  # the batches shuffle themselves, from their own seed
            verbose=verbose,
            callbacks=[
                SeedEpochs(settings["seed"], training),
                KeepEpochs(folder, "val_accuracy" if held_out else None),
                *callbacks,
            ],
        )
    network.load_weights(folder / "best.weights.h5")
    return read_history(folder)


def read_history(folder: Path) -> list[dict[str, float]]:
    """The figures of the epochs that are done."""
    file = folder / "history.json"
    return json.loads(file.read_text()) if file.is_file() else []


def _state_file(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch}.weights.h5"


def check_folder(folder: Path) -> None:
    """Refuses a folder that holds something else than what a training keeps.

    Raises:
        Interrupted: It does, or it is a symbolic link.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise Interrupted(f"{folder} is no folder of a training: choose another --output")
    unexpected = [path for path in _inside(folder) if not _KEPT.fullmatch(path.name)]
    if unexpected:
        raise Interrupted(f"{unexpected[0]} is none of a training's files: choose another --output")


def clear(folder: Path) -> None:
    """Deletes what a training keeps, and the folder if nothing else is in it."""
    for path in _inside(folder):
        if _KEPT.fullmatch(path.name):
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _check_settings(folder: Path, settings: Mapping[str, Any], resume: bool) -> None:
    file = folder / "settings.json"
    check_folder(folder)
    if not resume:
        clear(folder)
    if file.is_file():
        earlier = json.loads(file.read_text())
        changed = [name for name in settings if earlier.get(name) != settings[name]]
        if changed:
            raise Interrupted(
                f"{folder} was begun with another {', '.join(changed)}: "
                "repeat the same command, or start anew without --resume"
            )
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(dict(settings)))
