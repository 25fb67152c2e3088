"""The folder of prepared data: what lies in it.

DIR/prepared.json       what it is; written last, so that without it the rest is nobody's
DIR/examples-*.parquet  token ids, labels and hashes of the texts, in the corpus' order
DIR/transform/          the fitted tf.Transform graph
DIR/_work/              a run that is not finished, in a folder like this one: see `replacing.py`
"""

import re
from typing import Any

from model.bundle.prepared import PREPARED_FORMAT
from model.bundle.versions import installed_versions
from model.data.corpus_profile import TOKEN_EDGES
from model.tokenizers.vocabularies import parse_vocabulary
from pipeline import durable, layout, storage
from pipeline.corpus.planning.saved_plan import load_plan
from pipeline.errors import UsageError
from pipeline.worker.failures import report_failures

PREPARED = "prepared.json"
EXAMPLES = re.compile(r"examples-\d{5,}-(of-)?\d{5,}\.parquet")
VERSIONS = ("apache-beam", "newsbeam", "tensorflow", "tensorflow-text", "tensorflow-transform")


def work_folder(output: str) -> str:
    """Where a run keeps what it needs until it ends."""
    return storage.join(output, "_work")


def plan_file(output: str) -> str:
    """Where a run's plan lies."""
    return storage.join(work_folder(output), layout.PLAN)


def transform_dir(output: str) -> str:
    """Where the fitted transform lies."""
    return storage.join(output, "transform")


def word_counts_dir(output: str) -> str:
    """Where the words lie that a vocabulary is learned from."""
    return storage.join(work_folder(output), "words")


def write_vocabulary(output: str, vocabulary: list[str]) -> None:
    """Writes the pieces of a WordPiece tokenizer for the passes."""
    content = "".join(f"{piece}\n" for piece in vocabulary)
    durable.write_bytes(storage.join(work_folder(output), "vocab.txt"), content.encode())


def read_vocabulary(output: str) -> list[str]:
    """The pieces that `write_vocabulary` wrote; none for another tokenizer."""
    path = storage.join(work_folder(output), "vocab.txt")
    if not storage.exists(path):
        return []
    with storage.open_input(path) as stream:
        return parse_vocabulary(stream.read().decode(), path)


def describe(counts: dict[str, Any], output: str) -> dict[str, Any]:
    """Writes `prepared.json`, which makes the folder what it is.

    Args:
        counts: What `WriteExamples` counted.
        output: The folder.

    Returns:
        What was written.

    Raises:
        UsageError: If there is nothing to learn from.
    """
    with report_failures(work_folder(output)):
        description = _described(counts, output)
        durable.write_json(storage.join(output, PREPARED), description)
        return description


def _described(counts: dict[str, Any], output: str) -> dict[str, Any]:
    plan = load_plan(plan_file(output))
    labels = sorted(counts["rows_by_label"])
    taught = next((sorted(source.labels) for source in plan.sources if source.labels), None)
    if taught is not None:
        if not labels:
            raise UsageError("no row has a true label: beside the teacher's, give some that have")
        unknown = [label for label in labels if label not in taught]
        if unknown:
            raise UsageError(
                f"column {plan.columns.gold} has the label {unknown[0]}, which the teacher doesn't "
                f"have: its labels are {', '.join(taught)}"
            )
        labels = taught
    if len(labels) < 2:
        raise UsageError(
            f"the corpus has {counts['rows']} rows with text and label, and {len(labels)} "
            f"different labels in column {plan.columns.gold}: there is nothing to learn"
        )
    return {
        "format": PREPARED_FORMAT,
        "labels": labels,
        "text_columns": list(plan.columns.text),
        "max_tokens": plan.settings["max_tokens"],
        "rows": counts["rows"],
        "rows_by_label": {label: counts["rows_by_label"].get(label, 0) for label in labels},
        "teacher_rows": counts["teacher_rows"],
        "skipped": counts["skipped"],
        "tokenizer": _with_size(plan.settings["tokenizer"], output),
        "profile": {
            "rows": counts["rows"],
            "unknown_share": counts["unknown"] / max(counts["ids"], 1),
            "tokens": {"edges": TOKEN_EDGES, "counts": counts["token_histogram"]},
        },
        "plan": plan.digest,
        "versions": installed_versions(VERSIONS),
    }


def _with_size(tokenizer: dict[str, Any], output: str) -> dict[str, Any]:
    """The tokenizer with the size of its vocabulary: a small corpus has fewer words than asked."""
    (vocabulary,) = storage.files_in(storage.join(transform_dir(output), "transform_fn/assets"))
    with storage.open_input(vocabulary.path) as stream:
        return {**tokenizer, "vocab_size": sum(1 for _ in stream)}
