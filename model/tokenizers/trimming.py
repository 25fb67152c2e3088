"""A part of a WordPiece vocabulary: the pieces that a corpus uses most, under ids of their own.

Half of a BERT like MiniLM is embeddings of its 30,522 pieces, most of which news hardly uses.
Texts are still cut with the whole vocabulary; a piece without an id then counts as unknown.
`[PAD]` is 0, `[UNK]` 1, `[CLS]` 2, `[SEP]` 3; then come the pieces from the most frequent on.
"""

from __future__ import annotations

from typing import Any

from model.tokenizers.vocabularies import CLS, PAD, SEP, UNKNOWN

RESERVED = (PAD, UNKNOWN, CLS, SEP)
UNKNOWN_ID = RESERVED.index(UNKNOWN)
SPECIAL_IDS = (RESERVED.index(CLS), RESERVED.index(SEP))


def trimmed_ids(pieces: Any, kept: int) -> Any:
    """Counts the corpus' pieces and numbers the most frequent; within a preprocessing function.

    Args:
        pieces: ragged string [batch, (length)], without special tokens.
        kept: ids in all, those of `RESERVED` among them.

    Returns:
        ragged int64 [batch, (length)].
    """
    import tensorflow as tf
    import tensorflow_transform as tft

    vocabulary = tft.vocabulary(
        tf.ragged.boolean_mask(pieces, pieces != UNKNOWN),
        top_k=kept - len(RESERVED),
        reserved_tokens=list(RESERVED),
        vocab_filename="vocabulary",
    )
    return tft.apply_vocabulary(pieces, vocabulary, default_value=UNKNOWN_ID)
