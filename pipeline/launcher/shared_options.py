"""The options that scoring and preparing share: what to read, where to write."""

import argparse
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from model.console.values import positive, row_count
from pipeline import storage
from pipeline.corpus.columns.names import split_names
from pipeline.corpus.formats.registry import FORMATS

SHARD_ROWS = 16_384


def add_corpus_arguments(parser: argparse.ArgumentParser) -> Any:
    """Adds the options that say what to read and where to write; scoring and preparing share them.

    Returns:
        The group that stands first in the help, of the five options that most people need.
    """
    first = parser.add_argument_group("what most people need")
    first.add_argument(
        "--input",
        action="append",
        type=storage.supported,
        metavar="PATTERN",
        help="a file, a folder, a pattern such as 'news/*.jsonl', tfds:NAME/SPLIT, or a table: "
        "delta:URI or iceberg:CATALOG.NAMESPACE.TABLE, perhaps with @VERSION; repeatable",
    )
    first.add_argument(
        "--output", type=storage.supported, metavar="DIR", help="the folder to write to"
    )
    first.add_argument(
        "--text_columns",
        action="extend",
        type=split_names,
        metavar="A,B",
        help="columns whose text is joined by a space (default: those the bundle was trained on); "
        "repeatable; a name with a comma, a colon or outer blanks in double quotes: '\"A, B\"'",
    )
    corpus = parser.add_argument_group("corpus")
    corpus.add_argument(
        "--input_format",
        choices=tuple(FORMATS),
        help="the format of all inputs (default: by each file's ending)",
    )
    corpus.add_argument(
        "--csv_columns",
        action="extend",
        type=split_names,
        metavar="A,B",
        help="the columns of CSV files that have no header line",
    )
    corpus.add_argument(
        "--tfds_data_dir", metavar="DIR", help="where tfds: data sets lie (default: TFDS's own)"
    )
    corpus.add_argument(
        "--limit", type=row_count, metavar="N", help="take the first N rows only, for a try"
    )
    corpus.add_argument(
        "--shard_rows",
        type=positive,
        default=SHARD_ROWS,
        metavar="N",
        help="rows that travel together and are finished together (default: %(default)s)",
    )
    corpus.add_argument(
        "--on_bad_file",
        choices=("fail", "skip"),
        default="fail",
        help="what to do with a file that cannot be read to its end: stop, or list it in the "
        "manifest and go on (default: %(default)s)",
    )

    run = parser.add_argument_group("run")
    run.add_argument(
        "--overwrite",
        action="store_true",
        help="replace what another run has published in the output folder",
    )
    run.add_argument(
        "--verbose", action="store_true", help="show what the libraries log, and tracebacks"
    )
    return first


class NewsbeamOptions(PipelineOptions):
    """What our entry points' options have in common.

    Beam gathers the flags of all direct subclasses of PipelineOptions into one parser, where two
    entry points that both take `--input` would clash; those of this class it leaves alone.
    """
