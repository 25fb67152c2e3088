"""From inputs to a plan: what is in them is looked at, settled, and cut into work."""

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pipeline import objects, storage
from pipeline.corpus.columns.choice import choose_columns
from pipeline.corpus.columns.names import Carried
from pipeline.corpus.columns.teachers import check_teachers, teachers_labels
from pipeline.corpus.columns.types import unite
from pipeline.corpus.fingerprint import Fingerprints, Seen, fingerprint_input
from pipeline.corpus.formats.registry import FORMATS
from pipeline.corpus.planning.cutting import cut
from pipeline.corpus.planning.plan import Plan, extra_columns
from pipeline.corpus.sources import Facts, ReadSettings, Source
from pipeline.corpus.tables.tables import Tables
from pipeline.errors import BadFileError, UsageError

LOOKERS = objects.CONNECTIONS  # inputs in a store that are looked into at a time
LOCAL_LOOKERS = 4


def make_plan(
    inputs: list[tuple[str, str]],
    text_columns: list[str],
    settings: dict[str, Any],
    *,
    id_column: str | None = None,
    carry_columns: list[Carried] | None = None,
    gold_column: str | None = None,
    probabilities_column: str | None = None,
    reading: ReadSettings,
    limit: int | None = None,
    on_bad_file: str = "fail",
    fingerprints: Fingerprints | None = None,
    row_seconds: float = 0.0,
    tables: Tables | None = None,
) -> Plan:
    """Looks into every input and cuts the work.

    Args:
        inputs: pairs of path and format, from `find_inputs`.
        text_columns: the columns that are joined and labelled.
        settings: what else decides the result (bundle digest, engine, ...), as JSON values.
        id_column: the column that names a row.
        carry_columns: columns to copy, each its old and new name, or `all`.
        gold_column: the column with the true label.
        probabilities_column: the column with a teacher's probabilities, in the inputs that have it.
        reading: what the formats must know.
        limit: take only so many rows.
        on_bad_file: `fail` or `skip`.
        fingerprints: where they are remembered, if not in the usual place.
        row_seconds: about how long a row takes to score; 0 if that isn't known.
        tables: those whose files are among the inputs; their versions are noted.

    Raises:
        UsageError: for a missing column, clashing inputs, or an input that can't be read.
    """
    tables = tables or Tables([])
    sources: list[Source] = []
    facts: list[Facts] = []
    skipped: list[tuple[str, str]] = []
    with fingerprints or Fingerprints() as known:
        for (path, kind), looked in _look_into(inputs, reading, known, tables):
            bad = looked if isinstance(looked, Exception) else looked[1].bad
            if bad is not None and on_bad_file == "fail":
                raise UsageError(f"cannot read {_shown(path)}: {_reason(bad)}") from bad
            if isinstance(looked, Exception):
                skipped.append((_shown(path), _reason(looked)))
                continue
            seen, fact = looked
            sources.append(Source(path, kind, seen.size, fact.rows, seen.digest, seen.modified_ns))
            facts.append(fact)
    looked_at = [(source.path, fact) for source, fact in zip(sources, facts, strict=True)]
    known_columns = looked_at or tables.columns()  # rows may only have gone
    columns = choose_columns(
        known_columns,
        text_columns,
        id_column,
        carry_columns or [],
        gold_column,
        extra_columns(settings),
        probabilities_column,
    )
    labels = [
        (path, teachers_labels(path, one.schema, probabilities_column)) for path, one in looked_at
    ]
    check_teachers(labels)
    sources = [
        dataclasses.replace(
            source, labels=names, view=tables.view(source.path, fact, columns.names())
        )
        for source, fact, (_, names) in zip(sources, facts, labels, strict=True)
    ]
    items = cut(sources, facts, reading, limit, on_bad_file, row_seconds)
    return Plan(
        settings={**settings, "limit": limit, **tables.noted()},
        columns=columns,
        schema=unite(known_columns, columns),
        reading=reading,
        sources=sources,
        items=items,
        skipped=skipped,
    )


def _look_into(
    inputs: list[tuple[str, str]],
    reading: ReadSettings,
    fingerprints: Fingerprints,
    tables: Tables,
) -> Iterator[tuple[tuple[str, str], tuple[Seen, Facts] | BadFileError | OSError]]:
    """Fingerprints and inspects inputs, in their order; what can't be read comes with its error.

    Many at a time, since in a store nearly all of it is waiting for answers: three requests of
    some 50 ms for each file, which for 20,000 files are 50 minutes one after the other.
    """

    def look(one: tuple[str, str]) -> tuple[Seen, Facts] | BadFileError | OSError:
        try:
            if _shown(one[0]) != one[0]:
                raise BadFileError(_shown(one[0]), "its name is not UTF-8; rename it")
            seen = tables.see(one[0], fingerprint_input(*one, reading, fingerprints))
            return seen, tables.look(one[0], FORMATS[one[1]].reader.inspect(one[0], reading))
        except (BadFileError, OSError) as error:
            return tables.gone(one[0], error)

    remote = any(not storage.is_local(path) for path, _ in inputs)
    pool = ThreadPoolExecutor(LOOKERS if remote else LOCAL_LOOKERS)
    try:
        yield from zip(inputs, pool.map(look, inputs), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)  # after a bad file nobody wants the rest


def _shown(path: str) -> str:
    """A path as text: bytes in it that are no UTF-8, which Python passes on, as escapes."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _reason(error: BadFileError | OSError) -> str:
    if isinstance(error, BadFileError):
        return error.reason
    return error.strerror or str(error)
