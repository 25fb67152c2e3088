"""WordPiece vocabularies: read, found beside a BERT, or learned from a corpus."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PAD, UNKNOWN, CLS, SEP, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class VocabularyError(ValueError):
    """What is wrong with a vocabulary, in one line that says what to do."""


def learn_vocabulary(counts: Iterable[tuple[str, int]], vocab_size: int) -> list[str]:
    """Pieces for a corpus, `vocab_size` at most, the five special tokens first.

    Args:
        counts: words and how often they come.
        vocab_size: ids in all.

    Raises:
        VocabularyError: so few pieces cannot spell the corpus.
    """
    from tensorflow_text.tools.wordpiece_vocab import wordpiece_tokenizer_learner_lib as learner

    counts = sorted(counts)
    letters = {letter for word, _ in counts for letter in word}
    room = vocab_size - len(SPECIAL)
    pieces: list[str] = []
    if min(room // 3, len(letters)) > 0:
        pieces = learner.learn(
            counts,
            vocab_size,
            list(SPECIAL),
            lower_thresh=1,
            # Each is two pieces, a beginning and a continuation; the third is for longer ones.
            max_unique_chars=min(1000, room // 3, len(letters)),
        )
    if len(pieces) <= len(SPECIAL):
        raise VocabularyError(
            f"no vocabulary of {vocab_size} pieces can be learned: give a larger --vocab_size"
        )
    return _at_most(pieces, vocab_size)


def _at_most(pieces: list[str], vocab_size: int) -> list[str]:
    """The pieces without the rarest: the learner may give more, where many words are equally rare.

    Args:
        pieces: special tokens, letters, then the others, the most frequent first.
        vocab_size: how many may stay.
    """
    needed = {piece for piece in pieces if len(piece.removeprefix("##")) == 1 or piece in SPECIAL}
    others = [piece for piece in pieces if piece not in needed]
    kept = needed | set(others[: vocab_size - len(needed)])
    return [piece for piece in pieces if piece in kept]


def read_vocabulary(vocab_file: str | os.PathLike) -> list[str]:
    """The pieces of a `vocab.txt`, by their ids.

    Raises:
        VocabularyError: it isn't there, or is no vocabulary that can be used here.
    """
    try:
        text = Path(vocab_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise VocabularyError(f"{vocab_file}: not readable as a vocabulary: {error}") from error
    return parse_vocabulary(text, vocab_file)


def parse_vocabulary(text: str, vocab_file: str | os.PathLike) -> list[str]:
    """The pieces of the text of a `vocab.txt`; see `read_vocabulary`."""
    pieces = text.split("\n")
    while pieces and not pieces[-1].strip():
        pieces.pop()
    pieces = [piece.rstrip("\r") for piece in pieces]
    missing = [token for token in (PAD, UNKNOWN, CLS, SEP) if token not in pieces]
    if missing:
        raise VocabularyError(f"{vocab_file}: no WordPiece vocabulary: it has no {missing[0]}")
    if pieces[0] != PAD:
        raise VocabularyError(f"{vocab_file}: line 1 is {pieces[0]!r}; only a {PAD} there can pad")
    if len(set(pieces)) < len(pieces):
        seen: set[str] = set()
        twice = next(piece for piece in pieces if piece in seen or seen.add(piece))  # type: ignore[func-returns-value]
        raise VocabularyError(f"{vocab_file}: {twice!r} stands there twice")
    return pieces


def read_pieces(transform_dir: str | os.PathLike) -> list[str]:
    """The words or pieces by their ids, from the vocabulary that lies in a transform.

    Raises:
        VocabularyError: There is none, or more than one.
    """
    files = list(Path(transform_dir, "transform_fn", "assets").glob("*"))
    if len(files) != 1:
        raise VocabularyError(f"{transform_dir} holds {len(files)} vocabularies instead of one")
    return files[0].read_text(encoding="utf-8").removesuffix("\n").split("\n")


def backbone_vocabulary(source: str) -> tuple[list[str], dict[str, Any]]:
    """The pieces of a BERT by their ids, and how its texts are cleaned.

    Args:
        source: as `find_vocabulary` has it, or the name of a KerasHub preset.

    Raises:
        VocabularyError: there is none, or it cannot be used here.
    """
    if os.path.exists(source):
        file, cleaning = find_vocabulary(source)
        return read_vocabulary(file), cleaning
    import keras_hub

    from model.tokenizers.presets import PresetError, load_preset

    try:
        tokenizer = load_preset(source, keras_hub.tokenizers.Tokenizer)
    except PresetError as error:
        raise VocabularyError(str(error)) from error
    if not isinstance(tokenizer, keras_hub.tokenizers.WordPieceTokenizer):
        raise VocabularyError(f"{source}: a {type(tokenizer).__name__}, which is no WordPiece")
    lowercase = bool(tokenizer.lowercase)
    pieces = parse_vocabulary("\n".join(tokenizer.get_vocabulary()), source)
    return pieces, {"lowercase": lowercase, "strip_accents": lowercase}


def find_vocabulary(source: str | os.PathLike) -> tuple[str, dict[str, Any]]:
    """A vocabulary file, and how its texts are cleaned.

    Args:
        source: a `vocab.txt`, or a folder as Hugging Face or KerasHub lay it out.

    Returns:
        The file's path, and `lowercase` and `strip_accents` as `tokenizer_config.json` beside it
        (KerasHub: `tokenizer.json`) says; without one, as for an uncased vocabulary.

    Raises:
        VocabularyError: no vocabulary there, or one for another kind of splitting.
    """
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    keras_hub = folder / "assets" / "tokenizer" / "vocabulary.txt"
    if path.is_dir():
        path = keras_hub if keras_hub.is_file() else folder / "vocab.txt"
    if not path.is_file():
        raise VocabularyError(f"{source}: no {path.name} there")
    if path == keras_hub:
        lowercase = bool(_read_json(folder / "tokenizer.json")["config"].get("lowercase", False))
        return str(path), {"lowercase": lowercase, "strip_accents": lowercase}
    settings = folder / "tokenizer_config.json"
    config = _read_json(settings) if settings.is_file() else {}
    if config.get("tokenize_chinese_chars") is False:
        raise VocabularyError(f"{settings}: tokenize_chinese_chars false is not supported")
    lowercase = config.get("do_lower_case", True)
    strip_accents = config.get("strip_accents")
    return str(path), {
        "lowercase": lowercase,
        "strip_accents": lowercase if strip_accents is None else strip_accents,
    }


def _read_json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise VocabularyError(f"{file}: not readable: {error}") from error
