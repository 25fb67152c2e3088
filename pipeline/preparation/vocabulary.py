"""Which tokenizer to prepare with, and where a WordPiece vocabulary comes from."""

import argparse
import hashlib
from typing import Any

import apache_beam as beam

from model.bundle.load import BundleError
from model.console.terminal import silent_descriptor
from model.tokenizers import vocabularies
from model.tokenizers.trimming import RESERVED, UNKNOWN_ID
from model.training.backbones import backbone_pieces
from pipeline import storage
from pipeline.corpus.planning.plan import Plan
from pipeline.errors import UsageError
from pipeline.preparation.prepared import word_counts_dir
from pipeline.stages.context import RunContext
from pipeline.stages.reading import PlanItems, ReadDocuments


def choose_tokenizer(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """The tokenizer that was asked for, as `prepared.json` describes it.

    Returns:
        The tokenizer and the vocabulary that was given, or an empty one.

    Raises:
        UsageError: The options don't go together, or the vocabulary cannot be used.
    """
    given = options.vocab_file or options.backbone
    if options.vocab_file and options.backbone:
        raise UsageError("--vocab_file and --backbone both name a vocabulary: give one of them")
    if options.tokenizer != "wordpiece" and (given or options.cased):
        raise UsageError("--vocab_file, --backbone and --cased are for --tokenizer wordpiece")
    if given and options.cased:
        raise UsageError("--cased is for a learned vocabulary; a given one has its own settings")
    if options.trim_vocabulary and not given:
        raise UsageError("--trim_vocabulary needs a vocabulary: --vocab_file or --backbone")
    tokenizer = {
        "kind": options.tokenizer,
        "vocab_size": options.vocab_size,
        "pad_id": 0,
        "unknown_id": 1,
        "lowercase": not options.cased,
    }
    if options.tokenizer != "wordpiece":
        return tokenizer, []
    tokenizer["strip_accents"] = not options.cased
    if not given:
        return tokenizer, []
    try:
        if options.backbone:
            with silent_descriptor():
                vocabulary, cleaning = backbone_pieces(given)
        else:
            file, cleaning = vocabularies.find_vocabulary(given)
            vocabulary = vocabularies.read_vocabulary(file)
    except (vocabularies.VocabularyError, BundleError) as error:
        raise UsageError(str(error)) from error
    given_sizes = {
        "vocab_size": len(vocabulary),
        "unknown_id": vocabulary.index(vocabularies.UNKNOWN),
        "vocab_sha256": hashlib.sha256("\n".join(vocabulary).encode()).hexdigest(),
    }
    tokenizer |= {**cleaning, **given_sizes}
    if options.trim_vocabulary:
        tokenizer |= _trimmed(len(vocabulary), options.trim_vocabulary)
    return tokenizer, vocabulary


def _trimmed(pieces: int, kept: int) -> dict[str, Any]:
    """What a tokenizer says of itself whose vocabulary is trimmed."""
    if not len(RESERVED) < kept < pieces:
        raise UsageError(
            f"--trim_vocabulary {kept}: the vocabulary has {pieces} pieces, so it can be more than "
            f"{len(RESERVED)} and less than {pieces}"
        )
    return {"vocab_size": kept, "unknown_id": UNKNOWN_ID, "trimmed_from": pieces}


def count_words(pipeline: beam.Pipeline, context: RunContext) -> beam.PCollection:
    """The pass before: the corpus -> its words, to learn a vocabulary from."""
    with silent_descriptor():
        from pipeline.preparation.fit import CountWords

    tokenizer = context.plan.settings["tokenizer"]
    folders = word_counts_dir(context.output), storage.join(context.work, "counts")
    return (
        pipeline
        | "Plan" >> PlanItems(context)
        | "Read" >> ReadDocuments(context)
        | "Count" >> CountWords(tokenizer, *folders)
    )


def learn(plan: Plan, output: str) -> list[str]:
    """A vocabulary from the words that `count_words` counted.

    Raises:
        UsageError: If `--vocab_size` is too small for one.
    """
    from pipeline.preparation.fit import read_counts

    try:
        return vocabularies.learn_vocabulary(
            read_counts(word_counts_dir(output)), plan.settings["tokenizer"]["vocab_size"]
        )
    except vocabularies.VocabularyError as error:
        raise UsageError(str(error)) from error
