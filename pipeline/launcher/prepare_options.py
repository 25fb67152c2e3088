"""The options of preparing, beside all of Beam's own."""

import argparse

from model.console.values import positive
from pipeline.launcher.shared_options import NewsbeamOptions, add_corpus_arguments


class PrepareOptions(NewsbeamOptions):
    """Options of `python -m pipeline.prepare`."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        first = add_corpus_arguments(parser)
        training = parser.add_argument_group("training data")
        first.add_argument("--label_column", metavar="A", help="the column with the true label")
        training.add_argument(
            "--probabilities_column",
            metavar="A",
            help="the column with a teacher's probabilities, in Parquet that python -m "
            "pipeline.score wrote; rows of an input that has it are the teacher's, whatever their "
            "label column says",
        )
        first.add_argument(
            "--tokenizer",
            choices=("words", "wordpiece"),
            default="words",
            help="how texts become token ids (default: %(default)s); wordpiece is BERT's",
        )
        training.add_argument(
            "--vocab_file",
            metavar="FILE",
            help="wordpiece: a vocab.txt, as its checkpoint has it; without one, the pieces are "
            "learned from the corpus",
        )
        training.add_argument(
            "--backbone",
            metavar="BERT",
            help="wordpiece: a Hugging Face folder, KerasHub preset, or bundle of a BERT, instead "
            "of --vocab_file",
        )
        training.add_argument(
            "--trim_vocabulary",
            type=positive,
            metavar="N",
            help="wordpiece: of a given vocabulary, keep the N pieces that the corpus uses most; "
            "the others become unknown, and a BERT trained on it needs no embeddings of them",
        )
        training.add_argument(
            "--cased",
            action="store_true",
            help="wordpiece: keep case and accents in a learned vocabulary",
        )
        training.add_argument(
            "--vocab_size",
            type=positive,
            default=20_000,
            metavar="N",
            help="rows of embeddings: the most frequent words, padding and unknown; pieces to "
            "learn (default: %(default)s)",
        )
        training.add_argument(
            "--max_tokens",
            type=positive,
            default=256,
            metavar="N",
            help="token ids of a text that the model sees (default: %(default)s)",
        )
