"""Length-grouped batches under a token budget, and what to do when the model fails on one.

Texts of a Table are sorted by length, so that a batch is hardly padded. A batch on which the model
fails is split until the bad rows stand alone; one that runs out of memory is halved, and the
budget with it for the rest of the process.
"""

from collections.abc import Iterator

import numpy as np

from model.engines.choose import Engine

ROUND = 4  # lengths are rounded up to a multiple, so that shapes repeat


class Scorer:
    """An engine with a token budget; a worker process has one and all its threads share it.

    Args:
        engine: token ids (int32 [batch, length]) -> probabilities (float32 [batch, labels]).
        batch_tokens: rows times padded length of a batch, at the most.
    """

    def __init__(self, engine: Engine, batch_tokens: int):
        self.engine = engine
        self.batch_tokens = batch_tokens

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
        """
        lengths = np.diff(offsets)
        probabilities = np.full((len(lengths), labels), np.nan, np.float32)
        failures: dict[int, str] = {}
        counts = {"batches": 0, "padded_tokens": 0}
        for rows in cut_batches(lengths, self.batch_tokens):
            self._score_batch(rows, values, offsets, probabilities, failures)
            counts["batches"] += 1
            counts["padded_tokens"] += len(rows) * padded_length(int(lengths[rows].max()))
        return probabilities, failures, counts

    def _score_batch(
        self,
        rows: np.ndarray,
        values: np.ndarray,
        offsets: np.ndarray,
        probabilities: np.ndarray,
        failures: dict[int, str],
    ) -> None:
        try:
            result = self.engine(pad(values, offsets, rows))
        except Exception as error:  # whatever an engine raises, the other rows get their labels
            if len(rows) == 1:
                failures[int(rows[0])] = _reason(error)
                return
            if is_out_of_memory(error):
                self.batch_tokens = max(1, min(self.batch_tokens, _tokens(rows, offsets) // 2))
            for half in np.array_split(rows, 2):
                self._score_batch(half, values, offsets, probabilities, failures)
            return
        probabilities[rows] = result
        for row in rows[~np.isfinite(result).all(axis=1)]:
            failures[int(row)] = "its probabilities are no numbers"


def padded_length(length: int) -> int:
    """The length that a batch is padded to."""
    return max(ROUND, -(-length // ROUND) * ROUND)


def cut_batches(lengths: np.ndarray, batch_tokens: int) -> Iterator[np.ndarray]:
    """Groups texts by length.

    Yields:
        Numbers of texts, from the shortest to the longest, so many at a time that their number
        times their padded length stays within the budget (but at least one).
    """
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        count = max(1, batch_tokens // padded_length(int(lengths[order[start]])))
        while True:  # the last of them is the longest
            longest = padded_length(int(lengths[order[min(start + count, len(order)) - 1]]))
            if count == 1 or count * longest <= batch_tokens:
                break
            count = max(1, min(count - 1, batch_tokens // longest))
        yield order[start : start + count]
        start += count


def pad(values: np.ndarray, offsets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Copies texts into a matrix, int32 [rows, length], padded with 0."""
    lengths = offsets[rows + 1] - offsets[rows]
    columns = np.arange(padded_length(int(lengths.max(initial=0))))
    is_token = columns < lengths[:, None]
    matrix = np.zeros(is_token.shape, np.int32)
    matrix[is_token] = values[(offsets[rows][:, None] + columns)[is_token]]
    return matrix


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
    longest = int((offsets[rows + 1] - offsets[rows]).max())
    return len(rows) * padded_length(longest)
