"""ChooseThreshold: before anything is scored, the threshold of a cascade that keeps a promise.

Rows drawn at random from the corpus are labelled by both models, and what
`model.engines.agreement` makes of it is saved in the work folder. It is made only if none is there:
a run that is continued, a retry, or another launcher take the one that is saved.
"""

import functools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model.bundle.load import Bundle
from model.engines.agreement import sample_size
from model.engines.choose import EngineChoice
from model.engines.cost import WARM_UP
from pipeline import durable, storage
from pipeline.corpus.documents import Shard
from pipeline.corpus.drawing import Draw, draw, lowest
from pipeline.quality.promise import Answers, threshold_of, together
from pipeline.stages.context import RunContext
from pipeline.stages.languages import SelectLanguages
from pipeline.stages.reading import PlanItems, ReadDocuments
from pipeline.stages.rescoring import Model, answer, open_model
from pipeline.stages.stage import StageDoFn, run_of
from pipeline.worker.failures import report_failures

TEXTS_AT_A_TIME = 512


@dataclass
class ChooseThreshold(beam.PTransform):
    """The pipeline's begin, or the run -> the run, once its threshold lies in the work folder."""

    context: RunContext

    def expand(self, begin: beam.pvalue.PBegin | beam.PCollection) -> beam.PCollection:
        context = self.context
        return (
            run_of(begin, context)
            | "Unsettled" >> beam.Filter(_is_unsettled)
            | "Plan" >> PlanItems(context)
            | "Read" >> ReadDocuments(context)
            | "Languages" >> SelectLanguages(context)
            | "Draw" >> beam.ParDo(_Draw(context))
            | "Lowest" >> beam.CombineGlobally(functools.partial(_lowest, context=context))
            | "Cut" >> beam.FlatMap(_cut, context)
            | "ShareOut" >> beam.Reshuffle()
            | "AskBoth" >> beam.ParDo(_AskBoth(context))
            | "Together" >> beam.CombineGlobally(together)
            | "Save" >> beam.Map(_save, context)
        )


def _is_unsettled(context: RunContext) -> bool:
    return not storage.exists(context.threshold_path)


class _Draw(StageDoFn):
    def load(self) -> None:
        self._keys = np.zeros(0, np.uint64)

    def run(self, shard: Shard) -> Iterator[Draw]:
        plan = self.context.plan
        most = sample_size(plan.settings["agreement"])
        drawn = draw(shard.table, shard.source, plan.digest, self._keys, most)
        self._keys = np.sort(np.concatenate([self._keys, drawn.keys]))[:most]
        yield drawn


def _lowest(draws: Iterable[Draw], context: RunContext) -> Draw:
    return lowest(draws, sample_size(context.plan.settings["agreement"]))


def _cut(drawn: Draw, context: RunContext) -> Iterator[tuple[int, pa.Array]]:
    """The texts of the sample, some at a time; each with the rows they come from."""
    with report_failures(context.work):
        size = sample_size(context.plan.settings["agreement"], drawn.rows)
    for start in range(0, max(size, 1), TEXTS_AT_A_TIME):
        numbers = np.arange(start, min(start + TEXTS_AT_A_TIME, size, len(drawn.texts)))
        yield drawn.rows, drawn.texts.take(pa.array(numbers, pa.int64()))


class _AskBoth(StageDoFn):
    def load(self) -> None:
        self._models: list[tuple[Model, tuple[str, ...]]] = []

    def run(self, element: tuple[int, pa.Array]) -> Iterator[Answers]:
        rows, texts = element
        if not len(texts):
            yield Answers(rows, np.zeros(0, np.float32), np.zeros(0, bool), np.zeros(2))
            return
        if not self._models:
            context = self.context
            self._models = [
                self._ready(context.bundle(), context.engine(), texts),
                self._ready(context.second_bundle(), context.second_engine(), texts),
            ]
        yield ask(rows, texts, self._models)

    def _ready(
        self, bundle: Bundle, choice: EngineChoice, texts: pa.Array
    ) -> tuple[Model, tuple[str, ...]]:
        model = open_model(bundle, choice, self.context.stride(bundle))
        answer(pa.chunked_array([texts[:WARM_UP]]), model, bundle.labels)
        return model, bundle.labels


def ask(rows: int, texts: pa.Array, models: list[tuple[Model, tuple[str, ...]]]) -> Answers:
    """Labels texts with both models.

    Where the large model fails it gives no label, so that the two can't agree.

    Args:
        rows: of the corpus, from which the texts were drawn.
        texts: strings, none of them null.
        models: the small and the large one, each with its labels.
    """
    labels: list[pa.Array] = []
    seconds = np.zeros(2)
    for number, (model, names) in enumerate(models):
        started = time.perf_counter()
        answers = answer(pa.chunked_array([texts]), model, names)
        seconds[number] = time.perf_counter() - started
        labels.append(answers["label"].combine_chunks().cast(pa.string()))
        if number == 0:
            scores = answers["score"].combine_chunks().to_numpy(False)
    agrees = pc.fill_null(pc.equal(*labels), False).to_numpy(False)
    return Answers(rows, scores.astype(np.float32), agrees, seconds)


def _save(answers: Answers, context: RunContext) -> RunContext:
    with report_failures(context.work):
        if _is_unsettled(context):
            threshold = threshold_of(answers, context.plan.settings["agreement"])
            durable.create_json(context.threshold_path, threshold)
    return context
