"""A text that is longer than the model can see, in overlapping windows.

Window k begins k strides into the text, the last one where the text's end comes into sight. Each
has the special tokens of a text of its own. The text's probabilities are the mean of its windows',
each weighted by its new tokens, those that no window before it has seen; so every token counts
once.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from model.engines.scorer import Scorer
from model.tokenizers.pieces import UncutTokenizer

TOKENS_AT_A_TIME = 1 << 18  # of windows that are scored together, whatever a text's length


class Window(NamedTuple):
    """A stretch of a text.

    Attributes:
        text: the number of the text.
        token_ids: what the model sees, int32 [length].
        new: how many of its tokens no window before it has seen.
    """

    text: int
    token_ids: np.ndarray
    new: int


class Averages(NamedTuple):
    """What all windows of texts come to.

    Attributes:
        probabilities: float32 [texts, labels]; NaN where the model failed.
        windows: of each text, int32 [texts].
        failures: why the model failed, by text.
        counts: `batches`, `padded_tokens` and `scored_tokens` of all windows but the first.
    """

    probabilities: np.ndarray
    windows: np.ndarray
    failures: dict[int, str]
    counts: dict[str, int]


def default_stride(max_tokens: int) -> int:
    """From one window to the next, unless it is given: half of what the model sees."""
    return max(1, max_tokens // 2)


def check_stride(stride: int, max_tokens: int, added: int) -> None:
    """Refuses windows with gaps between them.

    Args:
        stride: tokens from one window to the next.
        max_tokens: what the model sees.
        added: how many of them are special tokens.

    Raises:
        ValueError: if there would be some.
    """
    if stride > max_tokens - added:
        raise ValueError(
            f"a stride of {stride} leaves gaps between windows of {max_tokens - added} tokens"
        )


def count_windows(tokens: np.ndarray, max_tokens: int, stride: int) -> np.ndarray:
    """How many windows texts take, int [texts], from their tokens, special ones included."""
    return 1 + -(-np.maximum(tokens - max_tokens, 0) // stride)


def count_window_tokens(tokens: np.ndarray, max_tokens: int, stride: int) -> np.ndarray:
    """How many tokens all windows of texts have together, int [texts]; see `count_windows`."""
    before = count_windows(tokens, max_tokens, stride) - 1
    return before * (max_tokens - stride) + tokens


class WindowScorer:
    """Scores texts in windows.

    Args:
        tokenizer: texts to ids without a cut.
        scorer: the model.
        labels: how many it has.
        max_tokens: what it sees of a text.
        stride: tokens from one window to the next.
    """

    def __init__(
        self, tokenizer: UncutTokenizer, scorer: Scorer, labels: int, max_tokens: int, stride: int
    ):
        self._tokenizer, self._scorer, self._labels = tokenizer, scorer, labels
        self._room = max_tokens - len(tokenizer.before) - len(tokenizer.after)
        self._stride = stride

    def __call__(self, texts: pa.Array, first: np.ndarray) -> Averages:
        """Scores all windows of texts but their first ones, and takes the mean.

        However long the texts are, a bounded number of windows is in memory.

        Args:
            texts: strings, none of them null; each has more tokens than the model sees.
            first: the probabilities of each text's first window, float32 [texts, labels].

        Raises:
            EngineError: the engine has died; no text is to blame.
        """
        sums = first.astype(np.float64) * self._room
        weights = np.full(len(texts), self._room, np.int64)
        windows = np.ones(len(texts), np.int32)
        failures: dict[int, str] = {}
        counts = {"batches": 0, "padded_tokens": 0, "scored_tokens": 0}
        for some in _some(self._later_windows(text.as_py() for text in texts)):
            lengths = [len(window.token_ids) for window in some]
            offsets = np.concatenate([[0], np.cumsum(lengths)])
            values = np.concatenate([window.token_ids for window in some])
            probabilities, failed, measured = self._scorer.score(values, offsets, self._labels)
            numbers = np.array([window.text for window in some])
            new = np.array([window.new for window in some])
            np.add.at(sums, numbers, probabilities * new[:, None])
            np.add.at(weights, numbers, new)
            np.add.at(windows, numbers, 1)
            for place, reason in failed.items():
                failures.setdefault(some[place].text, reason)
            for name, count in {**measured, "scored_tokens": len(values)}.items():
                counts[name] += count
        means = (sums / weights[:, None]).astype(np.float32)
        return Averages(means, windows, failures, counts)

    def _later_windows(self, texts: Iterable[str]) -> Iterator[Window]:
        """The windows of texts in their order, but for the first one of each."""
        before, after = self._tokenizer.before, self._tokenizer.after
        for number, parts in groupby(self._tokenizer(texts), itemgetter(0)):
            for ids, new in _windows((part for _, part in parts), self._room, self._stride):
                yield Window(number, np.concatenate([before, ids, after]), new)


def _windows(
    parts: Iterable[np.ndarray], room: int, stride: int
) -> Iterator[tuple[np.ndarray, int]]:
    """Cuts one text's ids into windows, and says how many of each are new; without the first."""
    held = np.zeros(0, np.int32)  # from the beginning of the next window on
    covered = 0  # how many of these the windows before it have seen
    is_first = True
    for part in parts:
        held = np.concatenate([held, part])
        while len(held) >= room:
            if not is_first:
                yield held[:room], room - covered
            held, covered, is_first = held[stride:], room - stride, False
    if len(held) > covered and not is_first:
        yield held, len(held) - covered


def _some(windows: Iterable[Window]) -> Iterator[list[Window]]:
    """Windows, so many at a time that they have a bounded number of tokens."""
    held: list[Window] = []
    tokens = 0
    for window in windows:
        held.append(window)
        tokens += len(window.token_ids)
        if tokens >= TOKENS_AT_A_TIME:
            yield held
            held, tokens = [], 0
    if held:
        yield held
