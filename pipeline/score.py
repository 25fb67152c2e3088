"""Scores a corpus with a bundle: `python -m pipeline.score --input ... --model ... --output ...`.

The whole product: plan | read | tokenize | score | write | publish; with `--then` also rescore.
"""

import apache_beam as beam

from model.engines.choose import EngineChoice
from pipeline import layout, storage
from pipeline.corpus.plan import Plan
from pipeline.errors import UsageError
from pipeline.launcher.command import main
from pipeline.launcher.options import ScoreOptions, parse
from pipeline.launcher.session import Session
from pipeline.output import folder
from pipeline.quality.drift import check_drift
from pipeline.stages.publishing import PublishRun
from pipeline.stages.reading import PlanItems, ReadDocuments
from pipeline.stages.rescoring import Rescore, Second
from pipeline.stages.scoring import ScoreDocuments
from pipeline.stages.tokenizing import TokenizeDocuments
from pipeline.stages.writing import WriteLabels


def build(
    pipeline: beam.Pipeline,
    plan: Plan,
    model: str,
    output: str,
    max_error_rate: float | None,
    then: str | None = None,
) -> beam.PCollection:
    """The chain, from the plan's path to the manifest's."""
    work = folder.work_folder(output, plan)
    plan_path = storage.join(work, layout.PLAN)
    digest = plan.settings["bundle"]
    choice = EngineChoice(*plan.settings["engine"])
    scored = (
        pipeline
        | "Plan" >> PlanItems(plan_path)
        | "Read" >> ReadDocuments(plan_path, work)
        | "Tokenize" >> TokenizeDocuments(model, digest, work)
        | "Score" >> ScoreDocuments(model, choice, digest, work)
    )
    if then is not None:
        settings = plan.settings
        choice = EngineChoice(*settings["then_engine"])
        second = Second(then, settings["then"], choice, settings["confidence"])
        scored |= "Rescore" >> Rescore(model, digest, second, work)
    return (
        scored
        | "Write" >> WriteLabels(plan_path, work)
        | "Publish" >> PublishRun(plan_path, work, output, max_error_rate)
    )


def score(argv: list[str]) -> int:
    """Plans, checks, runs and says what came out."""
    options, beam_options = parse(ScoreOptions, argv, "python -m pipeline.score", __doc__ or "")
    for name in ("input", "model", "output"):
        if not getattr(options, name):
            raise UsageError(f"--{name} is missing; see --help")
    if options.incremental and (options.overwrite or options.limit):
        raise UsageError("--incremental goes with neither --overwrite nor --limit")
    session = Session(options, beam_options, build)
    if options.incremental:
        session.score_new()
    else:
        session.score_all()
    if options.fail_on_drift:
        check_drift(session.drift)
    return 0


if __name__ == "__main__":
    main(score)
