"""All token ids of a text, of any length, from a graph that cuts texts at `max_tokens`.

A text is handed to the graph in pieces that end where a word surely ends, so that nothing of what
the tokenizer does (lower-casing, accents, words, punctuation) reaches over a piece's end: the
pieces' ids, one after the other, are those that the whole text would have without the cut.

The one thing that cannot be told apart is a single word with more pieces of WordPiece than
`max_tokens`: it ends there. (A word of over 100 characters is one unknown token.)
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import pyarrow as pa

ADDED_TOKENS = {"wordpiece": 2}  # what a kind adds to each text: [CLS] and [SEP]
# Characters, as in a set of `re`, after which a word has surely ended: white space, which
# `wordpiece` makes a space of, and marks that `words` does (no ASCII: it strips a dot within a
# word; nor quotes). To WordPiece every punctuation mark and ideograph is a word of its own.
_SPACES = r" \t\n\r" + "\u00a0\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_MARKS = "\u2010-\u2017\u2020-\u2023\u2025\u2026\u3001\u3002\uff01\uff0c\uff1b\uff1f"
_ALONE = r"!-/:-@\[-`{-~" + "\u2018-\u201f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_ENDS = {"words": _SPACES + _MARKS, "wordpiece": _SPACES + _MARKS + _ALONE}
CHARACTERS_PER_TOKEN = 4  # of a piece: of English news some six, so that most pieces fit at once
# So many pieces, or characters, are tokenized together: enough for TensorFlow's cost of a call.
PIECES = 1024
CHARACTERS = 1 << 20


class UncutTokenizer:
    """A bundle's tokenizer, without its cut.

    Args:
        tokenize: strings (none null) -> token ids, cut at `max_tokens`, and tokens before the cut.
        kind: of the tokenizer, as the bundle has it.
        max_tokens: ids of a text that `tokenize` keeps.

    Attributes:
        before: the ids that `tokenize` sets before each text, int32.
        after: those behind it, int32.
    """

    def __init__(
        self,
        tokenize: Callable[[pa.Array], tuple[pa.ListArray, pa.Array]],
        kind: str,
        max_tokens: int,
    ):
        self._tokenize, self._max_tokens = tokenize, max_tokens
        self._ends = _ENDS[kind]
        added = np.asarray(tokenize(pa.array([""]))[0].values, np.int32)
        self.before, self.after = np.split(added, [ADDED_TOKENS.get(kind, 0) // 2])

    def __call__(self, texts: Iterable[str]) -> Iterator[tuple[int, np.ndarray]]:
        """The ids of texts, a bounded number at a time.

        Yields:
            The number of the text, and some of its ids (int32), without `before` and `after`; all
            of a text one after the other, and texts in their order.
        """
        room = self._max_tokens - len(self.before) - len(self.after)
        length = max(1, room * CHARACTERS_PER_TOKEN)
        pieces = (
            (number, piece)
            for number, text in enumerate(texts)
            for piece in cut_text(text, length, self._ends)
        )
        while some := list(_some(pieces)):
            yield from zip(
                (number for number, _ in some), self._ids([piece for _, piece in some]), strict=True
            )

    def _ids(self, pieces: list[str]) -> list[np.ndarray]:
        """The ids of each piece; those that have too many are cut into smaller ones."""
        if not pieces:
            return []
        ids, tokens = self._tokenize(pa.array(pieces, pa.string()))
        values, offsets = ids.values.to_numpy(), ids.offsets.to_numpy()
        starts, ends = offsets[:-1] + len(self.before), offsets[1:] - len(self.after)
        found = [values[start:end] for start, end in zip(starts, ends, strict=True)]
        smaller: dict[int, list[str]] = {}
        for place in map(int, np.flatnonzero(tokens.to_numpy() > self._max_tokens)):
            halves = list(cut_text(pieces[place], len(pieces[place]) // 2 + 1, self._ends))
            if len(halves) > 1:
                smaller[place] = halves
        again = iter(self._ids([piece for halves in smaller.values() for piece in halves]))
        for place, halves in smaller.items():
            found[place] = np.concatenate(list(islice(again, len(halves))))
        return found


def cut_text(text: str, most: int, ends: str) -> Iterator[str]:
    """Cuts a text where words end.

    Args:
        text: any text.
        most: characters of a piece, where a word ends within so many.
        ends: a set of `re`: the characters after which a word has ended.

    Yields:
        Pieces, which together are the text.
    """
    for found in _pattern(most, ends).finditer(text):
        yield found[0]


@functools.lru_cache
def _pattern(most: int, ends: str) -> re.Pattern[str]:
    """The rest, if it is short enough; as much as fits; or a word that is longer, and its end."""
    return re.compile(
        rf".{{1,{most}}}\Z|.{{0,{most - 1}}}[{ends}]|[^{ends}]+(?:[{ends}]|\Z)", re.DOTALL
    )


def _some(pieces: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    size = 0
    for one in islice(pieces, PIECES):
        yield one
        size += len(one[1])
        if size >= CHARACTERS:
            return
