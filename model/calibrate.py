"""Makes a bundle's probabilities and label sets believable again: `python -m model.calibrate`.

Training ends with it; this does it for a bundle that was trained without, or for a corpus of other
news than those it was trained on. Give it labelled texts that the bundle was not trained on, two
thousand at least: one half, chosen by a hash of the text, calibrates, the other is what label sets
are made by. No label changes, only how sure the bundle is of it.
"""

import sys
from collections.abc import Sequence

import numpy as np

from model.bundle.load import Bundle, load_bundle
from model.bundle.save import check_output, save_again
from model.commands import import_keras, run_command
from model.console.arguments import Parser, program
from model.console.terminal import say
from model.engines.labelled import read_labelled
from model.label_sets import read_scores
from model.networks.calibration import calibrated

STALE = ("loss", "calibration_error")  # in older figures: they were those of other probabilities


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    flags = Parser(prog=program("model.calibrate"), description=__doc__)
    flags.add_argument("--model", required=True, help="the bundle")
    flags.add_argument("--input", required=True, help="Parquet file with texts and labels")
    flags.add_argument("--label_column", required=True, help="the column with the true label")
    flags.add_argument("--output", help="folder of the new bundle; default: the bundle's own")
    options = flags.parse_args(arguments)

    def command() -> None:
        output = options.output or options.model
        check_output(output)
        saved = calibrate(load_bundle(options.model), options.input, options.label_column, output)
        found = saved.model["calibration"]
        scores = read_scores(saved)
        assert scores is not None
        say(
            f"expected calibration error {found['error_before']:.4f} before, "
            f"{found['error_after']:.4f} after, on {found['rows']:,} rows; label sets by "
            f"{scores['rows']:,} others: {saved.path}"
        )

    return run_command("model.calibrate", command)


def calibrate(bundle: Bundle, file: str, label_column: str, output: str) -> Bundle:
    """Fits a calibration to one half of a file's texts, holds the other half for label sets.

    Args:
        bundle: What to calibrate; a calibration and label sets that it has are replaced.
        file: A Parquet file with the bundle's text columns.
        label_column: Its column with the true label.
        output: Where to write it; may be the bundle's own folder.

    Raises:
        BundleError: `output` holds something else.
        ValueError: There is no such file, a column is missing, a row has another label than
            the bundle's, or there are too few texts for two halves.
    """
    texts, gold = read_labelled(bundle, file, label_column)
    import_keras()
    from model.data.corpus_profile import label_profile
    from model.data.examples import Examples
    from model.data.held_out import is_conformal, text_hashes
    from model.networks.registry import build_network
    from model.tokenizers.tokenizer import Tokenizer
    from model.training.calibrating import ROWS, fit_calibration
    from model.training.phases import predict, scores_for_sets

    hashes = text_hashes(texts)
    is_kept = is_conformal(hashes)
    if is_kept.all() or not is_kept.any():
        raise ValueError(f"{file} has too few different texts for two halves of them")
    token_ids, _ = Tokenizer(bundle.transform_dir)(texts)
    examples = Examples(
        values=token_ids.values.to_numpy(),
        offsets=token_ids.offsets.to_numpy(),
        labels=gold.astype(np.int32),
        hashes=hashes,
        label_count=len(bundle.labels),
    )
    fitting, conformal = (examples.take(np.flatnonzero(part)) for part in (~is_kept, is_kept))
    spec = {name: value for name, value in bundle.model.items() if name != "calibration"}
    network = bundle.network(spec)
    found, gold = predict(network, fitting.at_most(ROWS))
    spec["calibration"] = fit_calibration(found, gold)
    with_map = build_network(spec)
    with_map.set_weights(network.get_weights())
    profile = label_profile(calibrated(found, spec["calibration"]), bundle.labels)
    metrics = {
        part: {name: value for name, value in figures.items() if name not in STALE}
        for part, figures in bundle.metrics.items()
    }
    return save_again(
        bundle,
        output,
        network=with_map,
        spec=spec,
        metrics=metrics,
        profile=bundle.profile and {**bundle.profile, **profile},
        conformal=scores_for_sets(with_map, conformal),
    )


if __name__ == "__main__":
    sys.exit(main())
