"""The command line of scoring, beside all of Beam's own options."""

import argparse

from apache_beam.options.pipeline_options import PipelineOptions

from model.console.arguments import Parser, program
from model.console.values import certainty, positive, promise, share
from model.engines.choose import PRECISIONS
from pipeline import storage
from pipeline.corpus.columns.names import split_carried, split_names
from pipeline.errors import UsageError
from pipeline.launcher.beam_options import flags_of, parse_beam_options
from pipeline.launcher.presets import add_preset_argument, apply_preset
from pipeline.launcher.shared_options import NewsbeamOptions, add_corpus_arguments
from pipeline.launcher.table_target import add_table_arguments


class ScoreOptions(NewsbeamOptions):
    """Options of `python -m pipeline.score`."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        first = add_corpus_arguments(parser)
        scoring = parser.add_argument_group("scoring")
        first.add_argument(
            "--model", type=storage.supported, metavar="BUNDLE", help="the bundle to score with"
        )
        scoring.add_argument(
            "--then",
            type=storage.supported,
            metavar="BUNDLE",
            help="a larger bundle, which labels the rows of which the first is unsure",
        )
        scoring.add_argument(
            "--confidence",
            type=certainty,
            metavar="P",
            help="rows with a lower score are unsure; python -m model.cascade helps to choose it",
        )
        scoring.add_argument(
            "--agreement",
            type=promise,
            metavar="SHARE",
            help="instead of --confidence: choose the threshold by a sample of this corpus, so "
            "that at least this share of the labels, such as 0.99, are those that the larger "
            "bundle gives",
        )
        scoring.add_argument(
            "--coverage",
            type=promise,
            metavar="SHARE",
            help="add label_set, the labels that together contain the true one in this share of "
            "rows like those held out in training, such as 0.95",
        )
        scoring.add_argument(
            "--verify_content",
            action="store_true",
            help="read every input to see whether it has changed, also one whose size and time of "
            "change are those of an earlier run",
        )
        scoring.add_argument(
            "--incremental",
            action="store_true",
            help="score only what is new or changed since earlier runs, each run in a folder of "
            "its own: OUTPUT/bundle=.../run=...",
        )
        scoring.add_argument(
            "--engine",
            choices=("auto", "tensorflow", "openvino"),
            default="auto",
            help="what runs the network (default: the fastest for this processor)",
        )
        scoring.add_argument(
            "--precision",
            choices=PRECISIONS,
            default="float32",
            help="what the network computes in (default: %(default)s, which gives the same labels "
            "on every machine); bfloat16 is faster on processors that have it, with OpenVINO, and "
            "moves some scores by up to 0.02",
        )
        scoring.add_argument(
            "--batch_tokens",
            type=positive,
            metavar="N",
            help="rows times padded length of a batch (default: measured for engine and model)",
        )
        scoring.add_argument(
            "--languages",
            type=split_names,
            metavar="en,de",
            help="score texts in these languages only (ISO 639-1); others get the error "
            "'language: ...', which --max_error_rate doesn't count (default: all)",
        )
        scoring.add_argument(
            "--long_texts",
            choices=("truncate", "windows"),
            default="truncate",
            help="of a text that is longer than the model can see, score its beginning, or all of "
            "it in overlapping windows and take the mean (default: %(default)s)",
        )
        scoring.add_argument(
            "--window_stride",
            type=positive,
            metavar="TOKENS",
            help="from the beginning of one window to that of the next (default: half of what the "
            "model sees)",
        )
        columns = parser.add_argument_group("columns of the output")
        first.add_argument(
            "--id_column", metavar="A", help="the column that names a row (default: file#row)"
        )
        columns.add_argument(
            "--carry_columns",
            action="extend",
            type=split_carried,
            default=[],
            metavar="A,B:NEW",
            help="columns to copy to the output, A:NEW under another name, or 'all'; repeatable, "
            "and quoted as --text_columns",
        )
        columns.add_argument(
            "--gold_column", metavar="A", help="the column with the true label, to be compared"
        )
        add_table_arguments(parser)
        bounds = parser.add_argument_group("bounds")
        bounds.add_argument(
            "--max_error_rate",
            type=share,
            metavar="SHARE",
            help="fail, and publish nothing, if a larger share of rows is in error",
        )
        bounds.add_argument(
            "--fail_on_drift",
            action="store_true",
            help="publish, but end with exit code 1, if the corpus looks much unlike the training "
            "corpus or the run before",
        )
        parser.add_argument(
            "--dry_run",
            action="store_true",
            help="look at inputs, columns and bundle, score a few rows, say what the run would do "
            "and about how long it would take, and write nothing",
        )
        add_preset_argument(parser)


def parse(
    own: type[NewsbeamOptions], argv: list[str], module: str, description: str
) -> tuple[argparse.Namespace, PipelineOptions]:
    """Parses a command line that may also hold any of Beam's options.

    Returns:
        Our own options, and all of them as Beam takes them. The runner is the in-process one
        unless the command line names another: it is the same everywhere and touches no network.

    Raises:
        UsageError: for a value that doesn't fit, or a flag that neither we nor Beam know.
    """
    parser = Parser(
        UsageError,
        prog=program(module),
        description=description,
        epilog="Beam's own options are taken too: --runner, --temp_location, --direct_num_workers "
        "and so on; see the Beam documentation of the runner.",
    )
    own._add_argparse_args(parser)  # type: ignore[arg-type]
    options, rest = parser.parse_known_args(_switches(argv, parser))
    beam_options = parse_beam_options(rest, flags_of([own]))
    if getattr(options, "dataflow_preset", None):
        apply_preset(options.dataflow_preset, beam_options)
    return options, beam_options


def _switches(argv: list[str], parser: argparse.ArgumentParser) -> list[str]:
    """Turns `--overwrite=true` into `--overwrite`, and `--overwrite=false` into nothing.

    A Flex Template's launcher gives every option a value, also those that take none.
    """
    switches = {flag for a in parser._actions if a.nargs == 0 for flag in a.option_strings}
    result = []
    for text in argv:
        flag, _, value = text.partition("=")
        if flag not in switches or value.lower() not in ("true", "false"):
            result.append(text)
        elif value.lower() == "true":
            result.append(flag)
    return result
