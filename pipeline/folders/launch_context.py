"""What the launcher writes into the work folder for the step that publishes.

That step runs on some worker, perhaps long after the launcher has gone, and must not open the
bundle or look for earlier runs itself.
"""

import math
from typing import Any

from model.bundle.load import Bundle
from model.engines.cascade_rules import model_names
from model.label_sets import least_probability, read_scores
from pipeline import durable, layout, storage
from pipeline.output.published import published_manifest


def write_notes(
    work: str,
    bundle: Bundle,
    previous: dict[str, Any] | None = None,
    then: Bundle | None = None,
    then_path: str | None = None,
    coverage: float | None = None,
) -> None:
    """Writes the bundle's card, and what the run before in a series looked like.

    Args:
        work: the work folder.
        bundle: what the run scores with.
        previous: the manifest of the run before with the same bundle, if there is one.
        then: the second bundle of a cascade.
        then_path: where it lies.
        coverage: of the label sets, if there are any.
    """
    before = previous and {key: previous[key] for key in ("finished", "stats")}
    notes: dict[str, Any] = {"bundle": bundle_card(bundle), "previous": before}
    if then is not None:
        names = model_names(bundle, then)
        notes["then"] = {"model": then_path, "names": names, "bundle": bundle_card(then)}
    if coverage is not None:
        notes["label_sets"] = promised_sets(bundle, coverage)
    durable.write_json(storage.join(work, layout.LAUNCH_CONTEXT), notes)


def read_notes(work: str) -> dict[str, Any]:
    """The notes: `bundle`, `previous`, of a cascade `then`, with label sets `label_sets`."""
    return storage.read_json(storage.join(work, layout.LAUNCH_CONTEXT))


def promised_sets(bundle: Bundle, coverage: float) -> dict[str, Any]:
    """What label sets are made by: `coverage`, `held_out` rows, the `least` probability in one."""
    scores = read_scores(bundle)
    assert scores is not None
    least = least_probability(scores, coverage)
    return {
        "coverage": coverage,
        "held_out": scores["rows"],
        "least": least if math.isfinite(least) else None,
    }


def bundle_card(bundle: Bundle) -> dict[str, Any]:
    """What a report says of a bundle, as JSON values."""
    training = {key: value for key, value in bundle.training.items() if key != "history"}
    return {
        "name": bundle.name,
        "digest": bundle.digest,
        "created": bundle.created,
        "labels": list(bundle.labels),
        "max_tokens": bundle.max_tokens,
        "tokenizer": dict(bundle.tokenizer),
        "model": dict(bundle.model),
        "training": training,
        "metrics": dict(bundle.metrics),
        "profile": bundle.profile,
        "versions": dict(bundle.versions),
    }


def run_before(output: str) -> dict[str, Any] | None:
    """The manifest of the latest published run before this one, in a series of incremental runs.

    Args:
        output: a run's folder, `DIR/bundle=<digest>/run=<time>`; any other has no run before it.
    """
    series = layout.series_of(output)
    if series is None:
        return None
    name = layout.last_part(output).removeprefix(layout.RUN_PREFIX)
    for run in reversed([one for one in layout.runs_of(series) if one.run < name]):
        manifest = published_manifest(run.path)
        if manifest is not None:
            return manifest
    return None
