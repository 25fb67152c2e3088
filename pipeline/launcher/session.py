"""A session: which runs a command line comes to.

One run, or with `--incremental` perhaps some that died, and one for what is new or changed.
"""

import argparse
from collections.abc import Iterator
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from model.console.terminal import say
from pipeline.corpus.inputs import find_inputs
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.tables.tables import Tables, noted_versions
from pipeline.errors import UsageError
from pipeline.estimates.dry_run import expected
from pipeline.folders import folder
from pipeline.folders.incremental import (
    Selected,
    Series,
    dead_runs,
    notes_of,
    select,
)
from pipeline.folders.overlap import apart
from pipeline.folders.planned_tables import planned_versions
from pipeline.folders.refusals import check_root
from pipeline.folders.series import all_series
from pipeline.launcher.launch import detaches
from pipeline.launcher.request import (
    chosen_options,
    fingerprints,
    plan_run,
    read_settings,
    second_bundle,
)
from pipeline.launcher.run import Run
from pipeline.launcher.table_target import TableTarget
from pipeline.worker.bundles import open_bundle


class Session:
    """What a command line asks for, settled: its bundles and its inputs.

    Args:
        options: our own options.
        beam_options: the runner's.

    Raises:
        UsageError: if there is no such bundle or input.
    """

    def __init__(self, options: argparse.Namespace, beam_options: PipelineOptions):
        self.options, self.beam_options = options, beam_options
        self.bundle = open_bundle(options.model)
        self.then = second_bundle(options, self.bundle)
        self.table = TableTarget(options) if options.table else None
        self.tables = Tables(options.input)
        self.inputs = self._find(self.tables)

    def runs(self) -> Iterator[Run]:
        """The runs, each planned when the one before it has been carried out.

        The output folder must be locked meanwhile.

        Raises:
            UsageError: if something doesn't fit.
        """
        if self.options.incremental:
            yield from self._incremental_runs()
        else:
            yield self._run(self.options.output, self._one_plan())

    def _one_plan(self) -> Plan:
        """By the versions of tables that unfinished work goes on by, if it does; else as of now."""
        output = self.options.output
        for versions in planned_versions(output):
            try:
                tables = Tables(self.options.input, versions)
                if tables.versions() == self.tables.versions():
                    continue
                plan = self._plan(self._find(tables), tables)
            except UsageError:  # that version has gone, say
                continue
            if folder.saved_plan(output, plan, self.options.overwrite) is not plan:
                return plan
        return self._plan(self.inputs)

    def _incremental_runs(self) -> Iterator[Run]:
        root = self.options.output
        check_root(root)
        options = chosen_options(self.options, self.bundle, self.then)
        series = Series(root, self.bundle.digest, options)
        if self.table is not None:
            self.table.catch_up([series.run_folder(run) for run in series.runs()])
        were_dead = False
        for path, plan, notes in dead_runs(series, self._plan_again):
            were_dead = True
            yield self._run(path, plan, notes)
        if were_dead and detaches(self.beam_options):
            return  # what is new shows when these are published: the next run scores it
        known = fingerprints(self.options)
        reading = read_settings(self.options)
        found = select(self.inputs, series, reading, known, self.tables)
        gone = self._gone(root, found)
        planned = None if found.is_nothing() else self._plan(found.inputs)
        if planned is None or (found.inputs and not planned.sources):
            skipped = planned.skipped if planned else []
            for path, reason in skipped:
                say(f"skipped: {path}: {reason}")
            count = len(self.inputs) - len(skipped)
            say(f"nothing new: every input that can be read ({count:,}) is scored in {root}")
            if self.table is not None and gone:
                self.table.drop(gone)
            return
        name = series.next_run()
        notes = notes_of(series, name, planned, found, self.tables)
        if self.table is not None and gone:
            notes["table"] = {**self.table.note(), "dropped": gone}
        yield self._run(series.run_folder(name), planned, notes)

    def _plan_again(self, plan: Plan) -> Plan:
        """What this command would do with the inputs of a run that died."""
        inputs = [(source.path, source.format) for source in plan.sources]
        return self._plan(inputs, Tables.at(noted_versions(plan.settings)))

    def _gone(self, root: str, found: Selected) -> list[str]:
        """The deleted inputs whose rows are to leave the table, by every name that they had."""
        if not self.options.drop_deleted_inputs:
            return []
        names: set[str] = set()
        here = [*(path for path, _ in self.inputs), *found.kept()]
        for series in all_series(root):  # an earlier bundle's rows may be in the table, too
            gone = series.gone(here)
            series.note_dropped(gone)
            names |= {name for path, done in gone.items() for name in (path, done.source)}
        return sorted(names)

    def dry_run(self) -> None:
        """Says what the runs would do, and writes nothing.

        Raises:
            UsageError: where they would be refused.
        """
        output = self.options.output
        if self.options.incremental:
            check_root(output)
            chosen = chosen_options(self.options, self.bundle, self.then)
            series = Series(output, self.bundle.digest, chosen)
            known, reading = fingerprints(self.options), read_settings(self.options)
            found = select(self.inputs, series, reading, known, self.tables)
            output = series.run_folder(series.next_run())
            plan = self._plan(found.inputs) if found.inputs else None
        else:
            plan = self._one_plan()
        if self.table is not None and plan is not None:
            self.table.check(plan)
        for line in expected(plan, output, self.options, self.bundle, self.then):
            say(line)

    def _find(self, tables: Tables) -> list[tuple[str, str]]:
        options = self.options
        inputs = find_inputs(options.input, options.input_format, tables)
        inputs = apart(options.input, inputs, options.output)
        folder = self.table and self.table.folder
        return apart(options.input, inputs, folder, "table's folder") if folder else inputs

    def _plan(self, inputs: list[tuple[str, str]], tables: Tables | None = None) -> Plan:
        tables = self.tables if tables is None else tables
        return plan_run(self.options, self.bundle, inputs, self.then, tables)

    def _run(self, output: str, plan: Plan, notes: dict[str, Any] | None = None) -> Run:
        bundles = (self.bundle, self.then)
        return Run(self.options, self.beam_options, bundles, output, plan, notes, self.table)
