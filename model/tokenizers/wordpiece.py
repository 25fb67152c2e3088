"""WordPiece inside the tf.Transform graph, id for id what the Hugging Face library gives.

The checkpoint's own tokenizer (`tokenizers.BertWordPieceTokenizer`) cleans, strips accents, lower-
cases character by character, splits at white space, punctuation and ideographs, and cuts words into
the longest pieces known (Devlin et al., 2018; Schuster and Nakajima, "Japanese and Korean Voice
Search", 2012). `tensorflow_text.FastBertTokenizer` splits and cuts; its own cleaning is NFKC case
folding, which turns an ellipsis into three dots, so cleaning is done here, before it.

Over every character of Unicode, alone between letters, the two differ in these only:

- Characters younger than the library's tables (Unicode 8): marks, punctuation and capitals since
  then are marks, punctuation and capitals here, and plain letters there (some 550 in all, such as
  U+2E43 or U+1E94A). So are 13 format controls, which here are a space.
- 256 ideographs, U+2B820 to U+2B91F, which that library doesn't part from their neighbours.
- U+166D, U+1734 and U+11938 (a Canadian sign, a Hanunoo and a Dives Akuru vowel), whose class or
  decomposition changed.

And a literal `[MASK]`, `[SEP]` or other special token in a text is read as text: brackets and a
word. A news article cannot speak to the model in its control tokens.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from model.disk import private_folder
from model.tokenizers.trimming import SPECIAL_IDS, trimmed_ids
from model.tokenizers.vocabularies import CLS, SEP

MAX_WORD_CHARACTERS = 100  # a longer word is unknown as a whole

# What the library's clean-up removes (NUL, U+FFFD, controls, formats, private use) ...
_REMOVED = (
    r"[\x{0}-\x{8}\x{B}\x{C}\x{E}-\x{1F}\x{7F}-\x{9F}\x{AD}\x{600}-\x{605}\x{61C}\x{6DD}\x{70F}"
    r"\x{180E}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{206F}\x{E000}-\x{F8FF}"
    r"\x{FEFF}\x{FFF9}-\x{FFFB}\x{FFFD}\x{110BD}\x{1BCA0}-\x{1BCA3}\x{1D173}-\x{1D17A}\x{E0001}"
    r"\x{E0020}-\x{E007F}\x{F0000}-\x{10FFFD}]"
)
# ... and what it makes a space of.
_SPACES = r"[\t\n\r\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]"
_ALONE = (  # characters that are words of their own: punctuation and ideographs
    r"[!-/:-@\[-`{-~\p{P}\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}"
    r"\x{2B740}-\x{2B81F}\x{2B820}-\x{2CEAF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}]"
)
_LONG_RUN = rf"(?s).*[^ ]{{{MAX_WORD_CHARACTERS + 1}}}.*"
_NO_WORD = "\ue000"  # private use, so removed from every text before


def wordpiece(
    inputs: Mapping[str, Any],
    *,
    vocabulary: Sequence[str],
    lowercase: bool,
    strip_accents: bool,
    max_tokens: int,
    kept: int | None = None,
) -> dict[str, Any]:
    """`[CLS]`, the pieces of the text, `[SEP]`: a tf.Transform preprocessing function.

    Args:
        inputs: `{"text": string[batch]}`, UTF-8.
        vocabulary: the pieces by their ids; it travels as the asset `vocab.txt` of the graph.
        lowercase: whether the vocabulary is an uncased one.
        strip_accents: whether accents are taken off.
        max_tokens: ids of a text that are kept, the two special tokens included.
        kept: how many pieces have an id of their own; None is all of them. See `trimming`.

    Returns:
        `token_ids`, ragged int64 `[batch, (length)]`, and `tokens`, int64 `[batch]`: how many ids
        there would be without the cut.
    """
    import tensorflow as tf
    import tensorflow_text

    pieces = tensorflow_text.FastBertTokenizer(
        vocab=list(vocabulary),
        max_bytes_per_word=4 * MAX_WORD_CHARACTERS,
        token_out_type=tf.int64 if kept is None else tf.string,
        lower_case_nfd_strip_accents=False,
    ).tokenize(replace_long_words(clean(inputs["text"], lowercase, strip_accents)))
    seen = pieces[:, : max_tokens - len((CLS, SEP))]
    if kept is None:
        special, seen_ids = _special_ids(vocabulary), seen
    else:
        special, seen_ids = SPECIAL_IDS, trimmed_ids(seen, kept)
    column = tf.ones_like(pieces.row_lengths())[:, None]
    token_ids = tf.concat([column * special[0], seen_ids, column * special[1]], axis=1)
    return {"token_ids": token_ids, "tokens": pieces.row_lengths() + 2}


def _special_ids(vocabulary: Sequence[str]) -> Any:
    """The ids of `[CLS]` and `[SEP]`, int64 [2].

    By a table of a file, though they are in hand, so that the vocabulary travels along.
    """
    import tensorflow as tf

    lines = tf.lookup.TextFileInitializer(
        _as_file(vocabulary),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    return tf.lookup.StaticHashTable(lines, -1).lookup(tf.constant([CLS, SEP]))


def count_words(
    inputs: Mapping[str, Any], *, lowercase: bool, strip_accents: bool, top_k: int = 1_000_000
) -> dict[str, Any]:
    """Counts the corpus' words into the asset `word_counts`: lines of count, space, word."""
    import tensorflow_text
    import tensorflow_transform as tft

    text = clean(inputs["text"], lowercase, strip_accents)
    words = tensorflow_text.regex_split(text, rf" |{_ALONE}", _ALONE)
    tft.vocabulary(words, top_k=top_k, store_frequency=True, vocab_filename="word_counts")
    return {"words": words.row_lengths()}


def clean(text: Any, lowercase: bool, strip_accents: bool) -> Any:
    """Cleans as the library's `BertNormalizer` does; `string[batch]` in and out."""
    import tensorflow as tf
    import tensorflow_text

    text = tf.strings.regex_replace(text, _REMOVED, "")
    text = tf.strings.regex_replace(text, _SPACES, " ")
    if strip_accents:
        text = tensorflow_text.normalize_utf8(text, "NFD")
        text = tf.strings.regex_replace(text, r"\p{Mn}+", "")
    if lowercase:
        # Letter by letter there; here a sigma would look whether it ends the word.
        text = tf.strings.regex_replace(text, "\u03a3", "\u03c3")
        text = tf.strings.lower(text, encoding="utf-8")
    return text


def replace_long_words(text: Any) -> Any:
    """Makes words of over 100 characters unknown; FastBertTokenizer counts bytes instead.

    The few rows that have a run so long without a space are split to look closer.
    """
    import tensorflow as tf
    import tensorflow_text

    rows = tf.where(tf.strings.regex_full_match(text, _LONG_RUN))
    words = tensorflow_text.regex_split(tf.gather_nd(text, rows), rf" |{_ALONE}", _ALONE)
    long = tf.strings.length(words.flat_values, unit="UTF8_CHAR") > MAX_WORD_CHARACTERS
    words = words.with_flat_values(tf.where(long, _NO_WORD, words.flat_values))
    joined = tf.strings.reduce_join(words, axis=1, separator=" ")
    return tf.tensor_scatter_nd_update(text, rows, joined)


def _as_file(vocabulary: Sequence[str]) -> str:
    """A file that holds a vocabulary, wherever the graph is being built, always the same one."""
    content = "".join(f"{piece}\n" for piece in vocabulary).encode()
    folder = private_folder() / hashlib.sha256(content).hexdigest()
    file = folder / "vocab.txt"
    if not file.is_file() or file.read_bytes() != content:
        folder.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as beside:
            beside.write(content)
        os.replace(beside.name, file)
    return str(file)
