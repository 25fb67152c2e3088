"""What every stage of a run is given: where its work and its bundles lie, and its few options.

Everything that decides the result stands in the plan, which workers read from the work folder.
"""

import math
from dataclasses import dataclass

from model.bundle.load import Bundle
from model.engines.choose import EngineChoice
from model.engines.windows import default_stride
from model.label_sets import least_probability, read_scores
from pipeline import layout, storage
from pipeline.corpus.planning.plan import Plan, in_windows
from pipeline.corpus.planning.saved_plan import load_plan
from pipeline.worker.bundles import open_bundle


@dataclass(frozen=True)
class RunContext:
    """One run, as its workers know it.

    Attributes:
        work: the folder with its plan and its checkpoints.
        output: the folder that it publishes to.
        model: the bundle's path; of a preparation, there is none.
        then: the path of a cascade's second bundle.
        counts: whether rows of large files are counted first, so that several workers read them.
        chooses: whether the cascade's threshold is chosen first, so that it keeps a promise.
        covers: whether rows get label sets.
        skip_bad_files: whether a file that can't be read to its end is listed and passed over.
        max_error_rate: the highest share of rows in error that is published; None for any.
    """

    work: str
    output: str
    model: str = ""
    then: str | None = None
    counts: bool = False
    chooses: bool = False
    covers: bool = False
    skip_bad_files: bool = False
    max_error_rate: float | None = None

    @property
    def plan_path(self) -> str:
        """Where the plan lies."""
        return storage.join(self.work, layout.PLAN)

    @property
    def threshold_path(self) -> str:
        """Where a cascade that keeps a promise has its threshold, once it is chosen."""
        return storage.join(self.work, layout.THRESHOLD)

    @property
    def plan(self) -> Plan:
        """The plan; a worker process reads it once."""
        return load_plan(self.plan_path)

    def bundle(self) -> Bundle:
        """The bundle that the plan names, which a process loads once."""
        return open_bundle(self.model, self.plan.settings["bundle"])

    def engine(self) -> EngineChoice:
        """What runs the bundle's network."""
        return EngineChoice(*self.plan.settings["engine"])

    def second_bundle(self) -> Bundle:
        """The second bundle of a cascade."""
        assert self.then is not None
        return open_bundle(self.then, self.plan.settings["then"])

    def stride(self, bundle: Bundle) -> int | None:
        """How many tokens the windows of long texts are apart; None where these are cut."""
        settings = self.plan.settings
        if not in_windows(settings):
            return None
        return settings.get("window_stride") or default_stride(bundle.max_tokens)

    def confidence(self) -> float:
        """The threshold of a cascade; no score reaches one that keeps no row."""
        if not self.chooses:
            return self.plan.settings["confidence"]
        threshold = storage.read_json(self.threshold_path)["threshold"]
        return math.inf if threshold is None else threshold

    def least_probability(self) -> float:
        """From which probability on a label is in its row's set."""
        scores = read_scores(self.bundle())
        assert scores is not None
        return least_probability(scores, self.plan.settings["coverage"])

    def second_engine(self) -> EngineChoice:
        """What runs the second bundle's network."""
        return EngineChoice(*self.plan.settings["then_engine"])
