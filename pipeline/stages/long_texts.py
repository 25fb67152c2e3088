"""Texts that are longer than the model can see, scored in windows (`--long_texts windows`).

What has been scored is their beginning, which is the first of these windows. The others' ids are
made here, a bounded number at a time, and never lie in a Table: of one with a few very long texts
they would be hundreds of megabytes.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model.bundle.load import Bundle
from model.engines.loading import Tokenize
from model.engines.scorer import Scorer
from model.engines.windows import WindowScorer
from model.tokenizers.pieces import UncutTokenizer
from pipeline.stages.labelling import engine_errors, label_rows
from pipeline.stages.replacing import replace_rows

ANSWERS = ["error", "label", "score", "probabilities"]


class LongTexts:
    """A bundle, loaded, and how far its windows are apart.

    Args:
        bundle: says what the model sees of a text.
        tokenize: its tokenizer.
        scorer: its network.
        stride: tokens from one window to the next.
    """

    def __init__(self, bundle: Bundle, tokenize: Tokenize, scorer: Scorer, stride: int):
        self._labels, self._max_tokens = bundle.labels, bundle.max_tokens
        uncut = UncutTokenizer(tokenize, bundle.tokenizer["kind"], bundle.max_tokens)
        self._score = WindowScorer(uncut, scorer, len(bundle.labels), bundle.max_tokens, stride)

    def __call__(self, table: pa.Table) -> tuple[pa.Table, dict[str, int]]:
        """Scores the rest of long texts, each different one once.

        Args:
            table: scored, with `text` and `tokens`.

        Returns:
            The Table with `windows` (int32; null where there is no label), and the answers of rows
            with more than one window changed; the other rows stay as they are. And the counts
            `batches`, `padded_tokens`, `scored_tokens`.

        Raises:
            NewsbeamError: if the engine has died; no row is to blame.
        """
        is_scored = table["error"].combine_chunks().is_null()
        is_long = pc.and_(is_scored, pc.greater(table["tokens"].combine_chunks(), self._max_tokens))
        rows = pa.array(np.flatnonzero(pc.fill_null(is_long, False).to_numpy(False)))
        windows = np.ones(table.num_rows, np.int32)
        counts: dict[str, int] = {}
        if len(rows):
            long = table.take(rows)
            encoded = long["text"].combine_chunks().dictionary_encode()
            _, once = np.unique(encoded.indices.to_numpy(), return_index=True)
            first = long["probabilities"].combine_chunks().take(pa.array(once))
            first = first.flatten().to_numpy().reshape(len(once), -1)
            with engine_errors():
                found = self._score(encoded.dictionary, first)
            answers = label_rows(
                long.select(["error"]),
                encoded.indices,
                found.probabilities,
                found.failures,
                self._labels,
            )
            table = replace_rows(table, rows, answers, ANSWERS)
            windows[rows.to_numpy()] = found.windows[encoded.indices.to_numpy()]
            counts = found.counts
        has_label = table["error"].combine_chunks().is_null()
        column = pc.if_else(has_label, pa.array(windows), pa.scalar(None, pa.int32()))
        return table.append_column("windows", column), counts
