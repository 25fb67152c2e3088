"""Length-grouped batches under a token budget, and what to do when the model fails on one.

Texts of a Table are sorted by length, so that a batch is hardly padded. A batch on which the model
fails is split until the bad rows stand alone; one that runs out of memory is halved, and the
budget with it for the rest of the process. A row is blamed only by an engine that is sound: a dead
one would make an error of every row, and what is written is kept.
"""

import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from model.engines.length_groups import ROUND, cut_batches, pad, padded_length

# Token ids (int32 [batch, length], 0 pads) -> probabilities (float32 [batch, labels]); several
# threads may call it. There is one file an engine.
Engine = Callable[[np.ndarray], np.ndarray]


NO_NUMBERS = "its probabilities are no numbers"
KNOWN_GOOD = np.ones((1, ROUND), np.int32)  # a text of unknown words, which every network takes


class EngineError(RuntimeError):
    """This machine can't run the network, whatever the texts are."""


class Scorer:
    """An engine with a token budget; a worker process has one and all its threads share it.

    Args:
        engine: runs the network.
        batch_tokens: rows times padded length of a batch, at the most.
        at_once: how many batches are under way at a time.
    """

    def __init__(self, engine: Engine, batch_tokens: int, at_once: int = 1):
        self.engine = engine
        self.batch_tokens = batch_tokens
        self._pool = ThreadPoolExecutor(at_once, "newsbeam-batch")

    def score(
        self, values: np.ndarray, offsets: np.ndarray, labels: int
    ) -> tuple[np.ndarray, dict[int, str], dict[str, int]]:
        """Scores texts.

        Args:
            values: the token ids of all texts, int32.
            offsets: where each text begins in them and the last one ends, [texts + 1].
            labels: how many labels there are.

        Returns:
            Probabilities, float32 [texts, labels], NaN where the model failed; the reasons of
            these failures by text; and the counts `batches` and `padded_tokens` (with padding).

        Raises:
            EngineError: it failed, and now fails on a known good batch, too.
        """
        lengths = np.diff(offsets)
        probabilities = np.full((len(lengths), labels), np.nan, np.float32)
        failures: dict[int, str] = {}
        batches = list(cut_batches(lengths, self.batch_tokens))

        def score_batch(rows: np.ndarray) -> None:
            self._score_batch(rows, values, offsets, probabilities, failures)

        # They come the longest first, so that no thread is left with one when the others are done.
        for _ in self._pool.map(score_batch, batches):
            pass
        padded = sum(_tokens(rows, offsets) for rows in batches)
        return probabilities, failures, {"batches": len(batches), "padded_tokens": padded}

    def check_engine(self) -> None:
        """Runs a known good batch.

        Raises:
            EngineError: the engine fails on it.
        """
        try:
            if np.isfinite(self.engine(KNOWN_GOOD)).all():
                return
            reason = NO_NUMBERS
        except Exception as error:  # whatever an engine raises
            reason = _reason(error)
        raise EngineError(
            f"on {platform.node()} the network fails on a text that is all right: {reason}"
        )

    def _score_batch(
        self,
        rows: np.ndarray,
        values: np.ndarray,
        offsets: np.ndarray,
        probabilities: np.ndarray,
        failures: dict[int, str],
        is_checked: bool = False,
    ) -> None:
        try:
            result = self.engine(pad(values, offsets, rows))
        except Exception as error:  # whatever an engine raises, the other rows get their labels
            if len(rows) == 1 and is_checked:
                failures[int(rows[0])] = _reason(error)
                return
            if len(rows) == 1:  # once more, by an engine that is sound
                self.check_engine()
                self._score_batch(rows, values, offsets, probabilities, failures, True)
                return
            if is_out_of_memory(error):
                self.batch_tokens = max(1, min(self.batch_tokens, _tokens(rows, offsets) // 2))
            for half in np.array_split(rows, 2):
                self._score_batch(half, values, offsets, probabilities, failures)
            return
        probabilities[rows] = result
        bad = rows[~np.isfinite(result).all(axis=1)]
        if len(bad):
            self.check_engine()
        failures.update({int(row): NO_NUMBERS for row in bad})


def is_out_of_memory(error: Exception) -> bool:
    """Whether an engine failed for want of memory; each says so in its own way."""
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return True
    text = str(error).lower()
    return "out of memory" in text or "bad_alloc" in text or "failed to allocate" in text


def _reason(error: Exception) -> str:
    first = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first.strip()}"[:300]


def _tokens(rows: np.ndarray, offsets: np.ndarray) -> int:
    return len(rows) * int(padded_length((offsets[rows + 1] - offsets[rows]).max()))
