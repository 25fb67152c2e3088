"""How far a training is, where its output is a log file and no terminal: a line a minute."""

import time

import keras

from model.console.terminal import say

LINE_SECONDS = 60.0


class StepLines(keras.callbacks.Callback):
    """Says a line a minute, within epochs and while features are computed."""

    def __init__(self) -> None:
        super().__init__()
        self._what, self._began, self._next_line = "", 0.0, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock of an epoch."""
        self._begin(f"epoch {epoch + 1} of {self.params['epochs']}")

    def on_predict_begin(self, logs=None):
        """Starts the clock of the features."""
        self._begin("features")

    def on_train_batch_end(self, batch, logs=None):
        """Says how far the epoch is."""
        loss = (logs or {}).get("loss")
        self._step(batch, "" if loss is None else f", loss {float(loss):.4f}")

    def on_predict_batch_end(self, batch, logs=None):
        """Says how far the features are."""
        self._step(batch, "")

    def _begin(self, what: str) -> None:
        self._what = what
        self._began = time.monotonic()
        self._next_line = self._began + LINE_SECONDS

    def _step(self, batch: int, figures: str) -> None:
        now = time.monotonic()
        if now < self._next_line:
            return
        self._next_line = now + LINE_SECONDS
        done, steps = batch + 1, self.params["steps"]
        of, left = "", ""
        if steps:
            minutes = (now - self._began) / done * (steps - done) / 60
            of, left = f" of {steps:,}", f", {minutes:,.0f} min left of it"
        say(f"{self._what}: step {done:,}{of}{figures}{left}")
