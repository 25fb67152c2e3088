"""Where a BERT begins: a bundle of one, a Hugging Face directory, or a KerasHub preset.

Imports no Keras before it must: preparing data asks for the pieces alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.bundle.load import MANIFEST, load_bundle, transform_dir
from model.tokenizers.vocabularies import VocabularyError, backbone_vocabulary, read_pieces


def load_backbone(source: str, pooling: str) -> tuple[dict[str, Any], Any]:
    """The backbone's spec, without labels, and the backbone itself.

    Args:
        source: a bundle's folder, or what `hugging_face.load_backbone` takes.
        pooling: what the classifier will use.

    Raises:
        ValueError: There is none, or it cannot be read.
        BundleError: The bundle is damaged.
    """
    from model.training import hugging_face

    if not _is_bundle(source):
        return hugging_face.load_backbone(source, pooling)
    saved = load_bundle(source)
    if saved.model["kind"] != "bert":
        raise ValueError(f"--backbone {source} is a bundle of a {saved.model['kind']}, not a BERT")
    network = saved.network()
    own = ("calibration", "labels")  # the classifier's, not the backbone's
    spec = {name: value for name, value in saved.model.items() if name not in own}
    return {**spec, "pooling": pooling}, network.get_layer("backbone")


def backbone_pieces(source: str) -> tuple[list[str], dict[str, Any]]:
    """The pieces that texts are cut into for a BERT, by their ids, and how texts are cleaned.

    Args:
        source: as `load_backbone` has it.

    Raises:
        VocabularyError: There are none, or they cannot be used here.
        BundleError: The bundle is damaged.
    """
    if not _is_bundle(source):
        return backbone_vocabulary(source)
    tokenizer = load_bundle(source).tokenizer
    if tokenizer["kind"] != "wordpiece" or "trimmed_from" in tokenizer:
        what = "with a trimmed vocabulary" if "trimmed_from" in tokenizer else "without WordPiece"
        raise VocabularyError(f"{source}: a bundle {what}, which can't cut other texts")
    cleaning = {name: tokenizer[name] for name in ("lowercase", "strip_accents")}
    return read_pieces(transform_dir(source)), cleaning


def kept_rows(source: str, pieces: Sequence[str]) -> list[int]:
    """Which rows of a backbone's embeddings belong to a trimmed vocabulary.

    Args:
        source: as `load_backbone` has it.
        pieces: of the trimmed vocabulary, by their ids.

    Returns:
        Ids in the backbone's own vocabulary.

    Raises:
        ValueError: It lacks one of them.
    """
    if _is_bundle(source):
        whole = read_pieces(transform_dir(source))
    else:
        whole, _ = backbone_vocabulary(source)
    ids = {piece: i for i, piece in enumerate(whole)}
    missing = [piece for piece in pieces if piece not in ids]
    if missing:
        raise ValueError(f"{source} has no piece {missing[0]!r}: prepare the data for it")
    return [ids[piece] for piece in pieces]


def _is_bundle(source: str) -> bool:
    return (Path(source) / MANIFEST).is_file()
