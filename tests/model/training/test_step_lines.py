"""A line a minute in a log file."""

import keras
import numpy as np
import pytest

from model.training import step_lines


@pytest.fixture
def clock(monkeypatch):
    """Time that goes on 25 seconds with each look at it."""
    times = iter(range(0, 100_000, 25))
    monkeypatch.setattr(step_lines.time, "monotonic", lambda: float(next(times)))


def network():
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", loss="mse")
    return model


def test_steps_loss_and_time_left(clock, capsys):
    model, rows = network(), np.ones([8, 1])
    model.optimizer.learning_rate = 0.0
    lines = step_lines.StepLines()
    model.fit(rows, rows * 3, batch_size=1, epochs=2, verbose=0, callbacks=[lines])
    # Looks at 0 (begin), 25, 50, 75 (over 60: step 3), ..., 150 (over 135: step 6).
    expected = [
        f"epoch {epoch} of 2: step {step} of 8, loss 4.0000, {left} min left of it"
        for epoch in (1, 2)
        for step, left in ((3, 2), (6, 1))
    ]
    assert capsys.readouterr().out.splitlines() == expected


def test_features(clock, capsys):
    network().predict(np.ones([4, 1]), 1, verbose=0, callbacks=[step_lines.StepLines()])
    assert capsys.readouterr().out == "features: step 3 of 4, 0 min left of it\n"
