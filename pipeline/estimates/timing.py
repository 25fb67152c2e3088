"""How long a run takes on this machine: a few of its rows, scored in this process."""

import time
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from model.bundle.load import Bundle
from model.engines.choose import EngineChoice
from model.engines.cost import WARM_UP
from pipeline.corpus.documents import Shard
from pipeline.corpus.languages import leave_out, sample
from pipeline.corpus.planning.plan import Plan
from pipeline.stages.rescoring import answer, open_model, unsure_rows

AT_FIRST = 64
SECONDS = 4.0  # that the rows of a sample may take one model, about


class Timing(NamedTuple):
    """Seconds that a row takes.

    Attributes:
        least: with all that is known of the run.
        most: the same; more where a cascade's threshold is chosen by the run, so that nobody knows
            which rows take the larger model, too.
    """

    least: float
    most: float


def time_rows(
    shards: list[Shard], plan: Plan, bundle: Bundle, then: Bundle | None
) -> Timing | None:
    """Scores rows as a run does, and takes the time; None if there are none to score.

    Args:
        shards: of documents.
        plan: of the run.
        bundle: its bundle.
        then: the second one of a cascade.

    Raises:
        NewsbeamError: if this machine can't run them.
    """
    settings = plan.settings
    if not shards:
        return None
    table = pa.concat_tables([shard.table for shard in shards]).combine_chunks()
    started = time.perf_counter()
    wanted = frozenset(settings.get("languages", ()))
    if wanted:
        table, _ = leave_out(table, wanted)
    else:
        sample(table)
    seconds = (time.perf_counter() - started) / table.num_rows
    texts = table["text"].drop_null()
    if not len(texts):
        return None
    share = len(texts) / table.num_rows
    first, scored = _time_texts(texts, bundle, EngineChoice(*settings["engine"]))
    seconds += share * first
    if then is None:
        return Timing(seconds, seconds)
    second, _ = _time_texts(texts, then, EngineChoice(*settings["then_engine"]))
    if "confidence" not in settings:
        return Timing(seconds, seconds + share * second)
    unsure = len(unsure_rows(scored, settings["confidence"])) / scored.num_rows
    seconds += share * unsure * second
    return Timing(seconds, seconds)


def _time_texts(
    texts: pa.ChunkedArray, bundle: Bundle, choice: EngineChoice
) -> tuple[float, pa.Table]:
    """Seconds a text, and the answers: of as many as take a few seconds."""
    model = open_model(bundle, choice)
    spread = texts.take(pa.array(np.random.default_rng(0).permutation(len(texts))))
    answer(spread[:WARM_UP], model, bundle.labels)
    rows, seconds = AT_FIRST, 0.0
    while True:
        started = time.perf_counter()
        scored = answer(spread[:rows], model, bundle.labels)
        seconds = (time.perf_counter() - started) / scored.num_rows
        most = min(len(spread), int(SECONDS / seconds))
        if most < 2 * rows:
            return seconds, scored
        rows = most
