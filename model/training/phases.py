"""The phases of a training between the command line and what it writes, one function each."""

import argparse
import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np

from model import label_sets
from model.data.batches import LengthGroupedBatches
from model.data.examples import Examples
from model.networks.registry import build_network
from model.training import fitting, recipes
from model.training.calibrating import ROWS, fit_calibration
from model.training.measures import measure
from model.training.step_lines import StepLines

EVALUATION_BATCH = 256


def train_network(
    options: argparse.Namespace,
    network: keras.Model,
    training: Examples,
    validation: Examples,
    *,
    folder: Path,
    settings: Mapping[str, Any],
    callbacks: list[keras.callbacks.Callback],
    verbose: int,
) -> tuple[list[dict[str, float]], float]:
    """Trains a network by the recipe that was chosen; it keeps the weights of its best epoch.

    Args:
        options: Of the command line.
        network: As `starting_point` gives it.
        training: What to train on.
        validation: What to choose the best epoch by; without rows, the last epoch is kept.
        folder: As `fitting.fit` has it, and so what follows.
        settings: All that decides the result.
        callbacks: More of them.
        verbose: As `keras.Model.fit` has it.

    Returns:
        The figures of each epoch, and the seconds of all, of computing features as well.
    """
    fitted, batches_of = network, cast("Callable[..., Any]", LengthGroupedBatches)
    progress = [StepLines()] if verbose == 2 else []  # 1 is a bar on a terminal
    if options.recipe == "frozen":
        from model.data.features import FeatureBatches

        fitted = network.get_layer("head")
        batches_of = functools.partial(FeatureBatches, network, verbose=verbose, callbacks=progress)
    began = time.monotonic()
    batches = batches_of(
        training, options.batch_size, seed=options.seed, steps=options.steps_per_epoch
    )
    held_out = batches_of(validation, EVALUATION_BATCH) if len(validation) else None
    of_batches = time.monotonic() - began
    recipe = getattr(recipes, options.recipe)
    steps = len(batches) * options.epochs
    history = fitting.fit(
        recipe(fitted, steps, options.learning_rate, temperature=options.temperature or 1.0),
        batches,
        held_out,
        epochs=options.epochs,
        folder=folder,
        settings=settings,
        resume=options.resume,
        callbacks=[*progress, *callbacks],
        verbose=verbose,
    )
    return history, of_batches + sum(epoch["seconds"] for epoch in history)


def finish_network(
    spec: Mapping[str, Any], weights: list[np.ndarray], validation: Examples
) -> tuple[dict[str, Any], keras.Model]:
    """The network as it goes into a bundle: in float32, and calibrated on what was held out.

    Args:
        spec: Of the network as it was trained.
        weights: As training has left them.
        validation: What was held out; without rows, the probabilities stay as they are.

    Returns:
        The spec, with the `calibration` in it, and the network.
    """
    network = build_network(spec)
    network.set_weights(weights)
    if not len(validation):
        return dict(spec), network
    probabilities, gold = predict(network, validation.at_most(ROWS))
    spec = {**spec, "calibration": fit_calibration(probabilities, gold)}
    network = build_network(spec)
    network.set_weights(weights)
    return spec, network


def measure_network(
    network: keras.Model, training: Examples, validation: Examples, labels: list[str]
) -> tuple[dict[str, Any], np.ndarray]:
    """Measures a network on what was held out; if nothing was, on what it was trained on.

    Returns:
        The metrics, under the name of the part that they are of, and the probabilities, float
        [rows, labels].
    """
    part, measured = "validation", validation
    if not len(validation):
        part, measured = "training", training.take(np.flatnonzero(training.is_gold))
    probabilities, gold = predict(network, measured)
    return {part: measure(probabilities, gold, labels)}, probabilities


def scores_for_sets(network: keras.Model, conformal: Examples) -> dict[str, Any] | None:
    """What a bundle keeps of rows that were held out for its label sets; None without rows."""
    if not len(conformal):
        return None
    return label_sets.conformal_scores(*predict(network, conformal.at_most(label_sets.ROWS)))


def predict(network: keras.Model, examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities of examples, float [rows, labels], and their labels, by length."""
    batches = LengthGroupedBatches(examples, EVALUATION_BATCH)
    probabilities = np.asarray(network.predict(batches.for_keras(), verbose=0))
    return probabilities, examples.labels[batches.rows]
