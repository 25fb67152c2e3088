"""The base of every stage's DoFn: it reports failures, and what was measured."""

import time
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from pipeline.stages.context import RunContext
from pipeline.worker.failures import report_failures

DISTRIBUTIONS = ("_ms", "batch_rows")  # what is measured so; everything else is counted


class StageDoFn(beam.DoFn):
    """A DoFn that does its work in `load` and `run`, and fails with one line in the work folder.

    Args:
        context: the run.
    """

    def __init__(self, context: RunContext):
        self.context = context

    def setup(self) -> None:
        with report_failures(self.context.work):
            started = time.perf_counter()
            self.load()
            self._load_ms: float | None = milliseconds_since(started)

    def process(self, element: Any) -> Iterator[Any]:
        with report_failures(self.context.work):
            yield from self.run(element)

    def load(self) -> None:
        """Loads what `run` needs; each copy of the stage does so once."""

    def run(self, element: Any) -> Iterator[Any]:
        """Does the stage's work on one element."""
        raise NotImplementedError

    def took_to_load(self, name: str) -> dict[str, float]:
        """The milliseconds that `load` took, under a name; only at the first call."""
        measured = {} if self._load_ms is None else {name: self._load_ms}
        self._load_ms = None
        return measured

    def measure(self, **measured: float) -> dict[str, float]:
        """Adds to Beam's own counters, under the names that the statistics have; gives it back."""
        for name, value in measured.items():
            if name.endswith(DISTRIBUTIONS):
                Metrics.distribution("newsbeam", name).update(int(value))
            else:
                Metrics.counter("newsbeam", name).inc(int(value))
        return measured


def run_of(begin: beam.pvalue.PBegin | beam.PCollection, context: RunContext) -> beam.PCollection:
    """The run as the one element of a collection: what a first step begins with, and hands on."""
    if isinstance(begin, beam.PCollection):
        return begin
    return begin | "Run" >> beam.Create([context], reshuffle=False)


def milliseconds_since(started: float) -> float:
    """The milliseconds since a time of `time.perf_counter`."""
    return (time.perf_counter() - started) * 1000
