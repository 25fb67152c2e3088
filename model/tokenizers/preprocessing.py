"""Text to token ids, as tf.Transform preprocessing functions.

A preprocessing function takes ``{"text": string[batch]}`` and gives

- ``token_ids``: ragged int64 ``[batch, (length)]``, cut at ``max_tokens``; 0 is never among them,
- ``tokens``: int64 ``[batch]``, how many tokens the text has before the cut.

tf.Transform runs it over the training corpus once and freezes it into a graph; scoring runs that
very graph. The label never goes in, so that the graph asks for nothing but the text.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from model.tokenizers.wordpiece import wordpiece

Tensors = dict[str, Any]
PreprocessingFn = Callable[[Mapping[str, Any]], Tensors]

PAD, UNKNOWN = "[PAD]", "[UNK]"

# What keras.layers.TextVectorization strips, character for character.
ASCII_PUNCTUATION = r"""[!"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~\']"""
# The quotation marks of the rest of the world go the same way; its dashes, dots and odd spaces
# stand between words.
OTHER_QUOTES = r"[\p{Pi}\p{Pf}]"
OTHER_SEPARATORS = r"[\p{P}\p{Z}]+"


def words(inputs: Mapping[str, Any], *, vocab_size: int, max_tokens: int) -> Tensors:
    """Lower-cases, strips punctuation, splits at white space; keeps the frequent words.

    What ``keras.layers.TextVectorization`` does, id for id, wherever the text is ASCII: 0 pads, 1
    is unknown, then the words of the corpus from the most frequent on, those of one frequency in
    reverse alphabetical order. Beyond ASCII it lower-cases as Unicode says and knows the other
    scripts' punctuation, which TextVectorization leaves on the words.

    Args:
        inputs: ``{"text": string[batch]}``, UTF-8.
        vocab_size: Rows of the embedding table: padding and unknown included.
        max_tokens: Ids of a text that are kept.

    Returns:
        ``token_ids`` and ``tokens``, as the module says.
    """
    import tensorflow as tf
    import tensorflow_transform as tft

    text = tf.strings.lower(inputs["text"])
    # What only texts beyond ASCII need costs more than all the rest, and most news has none.
    beyond = tf.where(tf.strings.length(text) != tf.strings.length(text, unit="UTF8_CHAR"))
    lowered = tf.strings.lower(tf.gather_nd(text, beyond), encoding="utf-8")
    text = tf.tensor_scatter_nd_update(text, beyond, lowered)
    text = tf.strings.regex_replace(text, ASCII_PUNCTUATION, "")
    other = tf.strings.regex_replace(tf.gather_nd(text, beyond), OTHER_QUOTES, "")
    other = tf.strings.regex_replace(other, OTHER_SEPARATORS, " ")
    tokens = tf.strings.split(tf.tensor_scatter_nd_update(text, beyond, other))
    vocabulary = tft.vocabulary(
        tokens,
        top_k=vocab_size - 2,
        reserved_tokens=[PAD, UNKNOWN],
        vocab_filename="vocabulary",
    )
    token_ids = tft.apply_vocabulary(tokens[:, :max_tokens], vocabulary, default_value=1)
    return {"token_ids": token_ids, "tokens": tokens.row_lengths()}


def preprocessing_fn(
    tokenizer: Mapping[str, Any], max_tokens: int, vocabulary: Sequence[str] = ()
) -> PreprocessingFn:
    """The preprocessing function of a tokenizer.

    Args:
        tokenizer: What ``prepared.json`` calls ``tokenizer``: its ``kind`` and settings.
        max_tokens: Ids of a text that are kept.
        vocabulary: The pieces by their ids, where the tokenizer is not fitted.

    Raises:
        ValueError: No tokenizer is called so.
    """
    kind = tokenizer["kind"]
    if kind == "words":
        return functools.partial(words, vocab_size=tokenizer["vocab_size"], max_tokens=max_tokens)
    if kind == "wordpiece":
        return functools.partial(
            wordpiece,
            vocabulary=vocabulary,
            lowercase=tokenizer["lowercase"],
            strip_accents=tokenizer["strip_accents"],
            max_tokens=max_tokens,
            kept=tokenizer["vocab_size"] if "trimmed_from" in tokenizer else None,
        )
    raise ValueError(f"no tokenizer is called {kind!r}: words, wordpiece")
