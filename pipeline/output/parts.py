"""Parts: the published Parquet files, each made of many finished ones, in the corpus' order."""

import hashlib
import json
from contextlib import suppress
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import durable, storage
from pipeline.corpus.documents import METADATA_KEY
from pipeline.corpus.planning.plan import Plan
from pipeline.errors import NewsbeamError
from pipeline.layout import is_part, part_name
from pipeline.output.checkpoints import COMPRESSION, read_checkpoint

PART_BYTES = 128 << 20  # a useful size: few enough files, small enough to share out
ROW_GROUP_ROWS = 1 << 17
ROW_GROUP_BYTES = 64 << 20  # of Arrow data gathered before a row group is written


class Part(NamedTuple):
    """A published file.

    Attributes:
        name: `part-00000-of-00012.parquet`.
        files: the checkpoints in it, in the corpus' order.
        sizes: of these, in bytes.
    """

    name: str
    files: list[str]
    sizes: list[int]

    def checkpoints(self) -> str:
        """Digest of what the part is made of."""
        text = json.dumps([self.files, self.sizes])
        return hashlib.sha256(text.encode()).hexdigest()


def plan_parts(files: list[storage.FileInfo]) -> list[Part]:
    """Shares checkpoints out over parts of a useful size, in the corpus' order."""
    groups: list[list[storage.FileInfo]] = [[]]
    size = 0
    for file in files:
        if groups[-1] and size + file.size > PART_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(file)
        size += file.size
    total = len(groups)
    return [
        Part(part_name(number, total), [f.name for f in group], [f.size for f in group])
        for number, group in enumerate(groups)
    ]


def pack(part: Part, plan: Plan, work: str, path: str) -> None:
    """Writes one part from its checkpoints.

    Its footer says which they were, so that nobody believes a part by its name.

    Raises:
        NewsbeamError: if one of them has been written anew since the parts were planned.
    """
    schema = plan.output_schema()
    about = {**plan.origin(), "plan": plan.digest, "checkpoints": part.checkpoints()}
    schema = schema.with_metadata({METADATA_KEY: json.dumps(about)})
    with (
        durable.writing(path, make_folder=False) as stream,
        pq.ParquetWriter(stream, schema, compression=COMPRESSION) as writer,
    ):
        pending: list[pa.Table] = []
        rows = size = 0
        for name, expected in zip(part.files, part.sizes, strict=True):
            table = read_checkpoint(storage.join(work, name), expected)
            table = table.replace_schema_metadata(schema.metadata)
            pending.append(table)
            rows, size = rows + table.num_rows, size + table.nbytes
            if rows >= ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES:
                writer.write_table(_joined(pending), row_group_size=ROW_GROUP_ROWS)
                pending, rows, size = [], 0, 0
        if pending:
            writer.write_table(_joined(pending), row_group_size=ROW_GROUP_ROWS)


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def is_packed(part: Part, plan: Plan, path: str) -> bool:
    """Whether a file is this very part: of this plan, and made of these checkpoints."""
    try:
        about, _ = _read_footer(path)
    except (FileNotFoundError, pa.ArrowException, ValueError):
        return False
    return (about.get("plan"), about.get("checkpoints")) == (plan.digest, part.checkpoints())


def described(part: Part, path: str) -> dict[str, Any]:
    """What the manifest says of a part."""
    _, rows = _read_footer(path)
    made_of = part.checkpoints()
    return {
        "name": part.name,
        "rows": rows,
        "bytes": storage.size(path),
        "checkpoints": made_of,
    }


def check_part(path: str, entry: dict[str, Any], plan_digest: str) -> None:
    """Holds a file against what the manifest says of it.

    Raises:
        NewsbeamError: if it is another one.
    """
    about, rows = _read_footer(path)
    found = (about.get("plan"), about.get("checkpoints"), rows)
    if found != (plan_digest, entry["checkpoints"], entry["rows"]):
        raise NewsbeamError(
            f"{entry['name']} was packed anew meanwhile; the same command continues"
        )


def plan_of_part(path: str) -> str | None:
    """The digest of the plan that a part was made by; None for a file that is none of ours."""
    try:
        return _read_footer(path)[0].get("plan")
    except (pa.ArrowException, ValueError):
        return None


def left_parts(output: str, plan_digest: str, published: set[str]) -> list[str]:
    """Paths of a run's parts in an output folder that are not published, as a dead run leaves them.

    Args:
        output: the folder.
        plan_digest: of the run's plan.
        published: names of the parts that are.
    """
    files = [file for file in storage.files_in(output) if is_part(file.name)]
    others = [file.path for file in files if file.name not in published]
    left = []
    for path in others:
        with suppress(FileNotFoundError):  # whose run has just taken it out
            if plan_of_part(path) == plan_digest:
                left.append(path)
    return left


def _read_footer(path: str) -> tuple[dict[str, Any], int]:
    """What a Parquet file of ours says of itself, and its rows."""
    with storage.open_input(path) as stream:
        footer = pq.read_metadata(stream)
    about = json.loads((footer.metadata or {}).get(METADATA_KEY, b"{}"))
    return about if isinstance(about, dict) else {}, footer.num_rows
