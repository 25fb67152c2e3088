"""What `--dry_run` says of a run: what it reads, by what it labels, how long and how much it takes.

Nothing is written and nothing is locked.
"""

import argparse
from collections import Counter
from collections.abc import Iterator

from model.bundle.load import Bundle
from model.engines.choose import EngineChoice
from model.engines.processor import cores
from pipeline import storage
from pipeline.corpus.planning.plan import Plan
from pipeline.errors import NewsbeamError, one_line
from pipeline.estimates.disk import bytes_free, bytes_needed
from pipeline.estimates.sample import Sample, take_sample
from pipeline.estimates.timing import time_rows
from pipeline.folders import folder
from pipeline.folders.refusals import has_work, refuse_series
from pipeline.output.work import work_folder
from pipeline.reporting.humanize import count, duration, plural, size


def expected(
    plan: Plan | None,
    output: str,
    options: argparse.Namespace,
    bundle: Bundle,
    then: Bundle | None,
) -> Iterator[str]:
    """Says what a run would do, line by line.

    Args:
        plan: of the run; None if there is no input that isn't scored yet.
        output: the folder that it would publish to.
        options: the command line.
        bundle: what it labels with.
        then: the second bundle of a cascade.

    Raises:
        UsageError: if the run would be refused.
    """
    yield "dry run: nothing is written"
    if plan is None or not plan.sources:
        yield "nothing new: every input that can be read is scored already"
        return
    refuse_series(output)
    plan = folder.saved_plan(output, plan, options.overwrite)
    work = work_folder(output, plan)
    if not has_work(output, plan, options.overwrite):
        yield f"nothing to do: {output} holds this very run"
        return
    sample = take_sample(plan)
    yield from _inputs(plan, sample)
    yield from _columns(plan)
    yield from _models(plan, options, bundle, then)
    done = storage.files_in(work)
    goes_on = f", going on with {size(sum(file.size for file in done))} of work" if done else ""
    yield f"output: {output}{goes_on}"
    if options.table:
        yield f"table: {options.table}"
    yield f"time: {_time(plan, sample, bundle, then)}"
    yield f"disk: {_disk(plan, sample, output)}"


def _inputs(plan: Plan, sample: Sample) -> Iterator[str]:
    formats = Counter(source.format for source in plan.sources)
    named = ", ".join(f"{name} {count(files)}" for name, files in sorted(formats.items()))
    whole = size(sum(source.size for source in plan.sources))
    yield f"input: {plural(len(plan.sources), 'file')} ({named}), {whole}"
    for path, reason in plan.skipped:
        yield f"skipped: {path}: {reason}"
    if sample.rows is None:
        yield "rows: not known before all is read"
    elif sample.is_exact:
        yield f"rows: {count(sample.rows)}"
    else:
        yield f"rows: about {count(sample.rows)}, by the size of the first ones"


def _columns(plan: Plan) -> Iterator[str]:
    columns = plan.columns
    parts = [f"text {' + '.join(columns.text)}", f"id {columns.id or 'file#row'}"]
    for column, name in columns.carry:
        parts.append(f"carried {column}" + (f" as {name}" if name != column else ""))
    if columns.gold:
        parts.append(f"true label {columns.gold}")
    yield f"columns: {', '.join(parts)}"


def _models(
    plan: Plan, options: argparse.Namespace, bundle: Bundle, then: Bundle | None
) -> Iterator[str]:
    settings = plan.settings
    yield f"bundle: {_bundle(options.model, bundle)}, labels {', '.join(bundle.labels)}"
    yield f"engine: {_engine(EngineChoice(*settings['engine']))}"
    if then is not None:
        yield f"then: {_bundle(options.then, then)}"
        yield f"engine of then: {_engine(EngineChoice(*settings['then_engine']))}"
        if "confidence" in settings:
            yield f"cascade: rows with a score below {settings['confidence']:g} are passed on"
        else:
            yield (
                f"cascade: the run chooses the threshold that keeps {settings['agreement']:.4g} of "
                "the labels"
            )
    if languages := settings.get("languages"):
        yield f"languages: {', '.join(languages)}"


def _bundle(path: str, bundle: Bundle) -> str:
    return f"{path} ({bundle.name}, {bundle.digest[:12]})"


def _engine(choice: EngineChoice) -> str:
    return f"{choice.name}, {choice.precision}, {count(choice.batch_tokens)} tokens a batch"


def _time(plan: Plan, sample: Sample, bundle: Bundle, then: Bundle | None) -> str:
    try:
        timing = time_rows(sample.shards, plan, bundle, then)
    except NewsbeamError as error:
        return f"not known ({one_line(error)})"
    if timing is None:
        return "not known, since the first rows have no text"
    seconds = [sample.seconds + one for one in (timing.least, timing.most)]
    read = sum(shard.table.num_rows for shard in sample.shards)
    where = f"in one process on this machine ({plural(cores(), 'core')}), by {plural(read, 'row')}"
    if sample.rows is None:
        low, high = (count(1 / one) for one in reversed(seconds))
        return f"{_between(low, high)} documents a second {where}"
    low, high = (duration(one * sample.rows) for one in seconds)
    return f"{_between(low, high)} {where}"


def _between(low: str, high: str) -> str:
    return f"about {low}" if low == high else f"between {low} and {high}"


def _disk(plan: Plan, sample: Sample, output: str) -> str:
    needed = bytes_needed(plan, sample)
    if needed is None:
        about = "not known"
    else:
        about = f"about {size(needed)} at the most, until the run is published, then half of it"
    if not storage.is_local(output):
        return about
    return f"{about}; {size(bytes_free(output))} are free"
