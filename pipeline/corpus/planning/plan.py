"""The plan: what is read, with what it is scored, and how the work is cut.

Everything that decides the result is in it and under its digest: inputs with fingerprints, the
bundle's digest, columns, engine, precision, token budget. So two runs with one digest give the
same rows. A run that died is continued by its saved plan, by whoever asks for the same: see
`same_run.py`. Where it lies, and why in pieces: `saved_plan.py`.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.corpus.documents import document_schema, output_schema
from pipeline.corpus.sources import Columns, ReadSettings, Source, WorkItem


@dataclass(frozen=True)
class Plan:
    """A run, before it begins.

    Attributes:
        settings: all that decides the result beside the sources, as JSON values.
        columns: which columns are used.
        schema: type of each column in use.
        reading: what the formats must know.
        sources: the inputs in the corpus' order.
        items: the work items in the corpus' order.
        skipped: path and reason of inputs that can't be read.
    """

    settings: dict[str, Any]
    columns: Columns
    schema: dict[str, pa.DataType]
    reading: ReadSettings
    sources: Sequence[Source]
    items: Sequence[WorkItem]
    skipped: list[tuple[str, str]]

    def identity(self) -> dict[str, Any]:
        """All that decides the result, as JSON values."""
        # The labels are the bundle's. Plans of version 0.1 also said what to do with bad files,
        # which decides whether a run ends, not what one that does end has written.
        implied = ("on_bad_file", "labels")
        return {
            "settings": {k: v for k, v in self.settings.items() if k not in implied},
            "columns": _without_none(json_values(self.columns), "probabilities"),
            "reading": {k: v for k, v in json_values(self.reading).items() if k != "tfds_data_dir"},
            "sources": [[source.path, source.fingerprint] for source in self.sources],
            "skipped": [path for path, _ in self.skipped],
        }

    def output_schema(self) -> pa.Schema:
        """The columns of what is published."""
        documents = document_schema(self.schema, self.columns)
        return output_schema(documents, extra_columns(self.settings))

    def origin(self) -> dict[str, Any]:
        """What every file that is written says, in its footer, of where its labels come from."""
        wanted = ("bundle", "version", "labels")  # no labels: a run that an older version began
        return {name: self.settings[name] for name in wanted if name in self.settings}

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of `identity()`, in hexadecimal digits."""
        text = json.dumps(self.identity(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def has_pieces(self) -> bool:
        """Whether a source is cut into pieces whose rows must be counted."""
        return any(item.pieces > 1 for item in self.items)

    def rows(self) -> int | None:
        """The rows of all sources together, if that is known."""
        return rows_of(self.items)


def rows_of(items: Iterable[WorkItem]) -> int | None:
    """The rows of work items together, if all of them are known."""
    counts = [item.rows for item in items]
    return None if None in counts else sum(c for c in counts if c is not None)


def is_cascade(settings: dict[str, Any]) -> bool:
    """Whether a second bundle labels the rows of which the first is unsure."""
    return "then" in settings


def in_windows(settings: dict[str, Any]) -> bool:
    """Whether texts that are longer than a model can see are scored in windows."""
    return settings.get("long_texts") == "windows"


def extra_columns(settings: dict[str, Any]) -> list[str]:
    """The columns that this run's output has, and not every run's."""
    asked = {
        "label_set": makes_sets(settings),
        "windows": in_windows(settings),
        "model": is_cascade(settings),
    }
    return [name for name, is_asked in asked.items() if is_asked]


def keeps_promise(settings: dict[str, Any]) -> bool:
    """Whether a cascade's threshold is chosen by the run itself, from the corpus."""
    return "agreement" in settings


def _without_none(values: dict[str, Any], name: str) -> dict[str, Any]:
    """Leaves out what isn't used, so that plans of versions which didn't have it stay the same."""
    return {key: value for key, value in values.items() if key != name or value is not None}


def json_values(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, as JSON has them."""
    return json.loads(json.dumps(dataclasses.asdict(value)))


def makes_sets(settings: dict[str, Any]) -> bool:
    """Whether rows get sets of labels that contain the true one as often as was asked for."""
    return "coverage" in settings
