"""The swap: a run that has passed all its checks takes the place of what is published.

The steps, of which each may be the last that a process lives to do:

1. A folder in the work folder gets all that is to be published, its record last. From then on the
   run is decided: whoever comes next finishes it.
2. If it goes into a table, it does so now, by one transaction. So what is in the table is decided.
3. Other attempts, of this run or another, are taken over and so ended.
4. `_SUCCESS` goes, then the parts that the manifest names.
5. The new parts come, then manifest and page, then `_SUCCESS`, which holds the manifest's hash.
6. The work folder goes, its plan last.

Whoever looks for `part-*` never sees parts of two runs, and `_SUCCESS` stands for one run, whole.
"""

import json
import uuid
from typing import Any

from pipeline import durable, layout, storage
from pipeline.errors import NewsbeamError
from pipeline.output.attempts import adopt, begin_swap, decide, discard
from pipeline.output.into_table import bring_in, note_partitions
from pipeline.output.moves import Moves, TakenOverError, moves
from pipeline.output.parts import check_part, left_parts
from pipeline.output.published import as_manifest, commit_of, named_parts, published
from pipeline.output.work import remove_work, work_folders
from pipeline.tables.commit import SlotTakenError


def publish(
    output: str, work: str, manifest: dict[str, Any], page: bytes | None, over: str | None
) -> None:
    """Publishes a run.

    Args:
        output: the folder.
        work: the run's work folder, in which the parts lie.
        manifest: of the run; its `parts` are what is published.
        page: the report, if there is one.
        over: the commit whose place this run was asked to take.

    Raises:
        TakenOverError: if another attempt has taken this one's place.
        NewsbeamError: if another run has been published meanwhile.
    """
    if "table" in manifest:
        note_partitions(manifest, work)
    content = durable.to_json(manifest)
    commit = commit_of(content)
    files = {layout.MANIFEST: content, layout.SUCCESS: f"{commit}\n".encode()}
    if page is not None:
        files[layout.REPORT] = page
    names = [part["name"] for part in manifest["parts"]]
    record = {
        "plan": manifest["plan"]["digest"],
        "commit": commit,
        "over": over,
        "parts": names,
        "files": [*files],
        **({"attempt": uuid.uuid4().hex} if "table" in manifest else {}),  # its files in the table
    }
    try:
        swap = begin_swap(work, files, names)
        for part in manifest["parts"]:
            check_part(storage.join(swap, part["name"]), part, record["plan"])
        decide(swap, durable.to_json(record))
        _act(swap, output)
    except FileNotFoundError as error:
        raise TakenOverError(output) from error
    remove_work(work)


def finish_swaps(output: str) -> list[str]:
    """Finishes what a run that died has decided.

    Args:
        output: the folder, locked by us.

    Returns:
        Names of the work folders whose runs are published now.
    """
    finished = []
    for work in work_folders(output):
        for swap in _swaps(work):
            mine = storage.join(work, layout.SWAP_PREFIX + uuid.uuid4().hex)
            if not adopt(swap, mine) or _record(mine) is None:
                continue
            try:
                _act(mine, output)
            except OvertakenError:
                continue
            finished.append(layout.last_part(work))
            remove_work(work)
            break
    return finished


class OvertakenError(NewsbeamError):
    """Another run has been published since this one began."""


def _act(swap: str, output: str) -> None:
    record = _record(swap)
    if record is None:
        raise TakenOverError(output)
    if "attempt" in record and not _is_overtaken(record, output):
        try:
            manifest = storage.read_json(storage.join(swap, layout.MANIFEST))
            bring_in(manifest, swap, record["attempt"])
        except SlotTakenError as error:
            discard(swap)
            raise OvertakenError(str(error)) from error
        except FileNotFoundError as error:
            if _record(swap) is None:
                raise TakenOverError(output) from error
            raise
    _end_others(swap, output)
    if _is_overtaken(record, output):
        there = published(output)
        if there is not None and there.manifest["plan"]["digest"] == record["plan"]:
            return  # this attempt, or another one at the same run
        discard(swap)
        raise OvertakenError(
            f"another run was published in {output} meanwhile; use another --output, or --overwrite"
        )
    acts = moves(swap, output)
    acts.take_out(layout.SUCCESS)
    for name in _old_parts(swap, output, record["plan"]):
        acts.take_out(name)
    acts.take_out(layout.REPORT)
    for name in record["parts"]:
        acts.put_in(name)
    _replace(acts, [name for name in record["files"] if name != layout.SUCCESS])
    acts.settle()
    _replace(acts, [layout.SUCCESS])
    acts.settle()


def _is_overtaken(record: dict[str, Any], output: str) -> bool:
    """Whether something else is published than what an attempt was to take the place of."""
    there = published(output)
    return there is not None and there.commit != record["over"]


def _replace(acts: Moves, names: list[str]) -> None:
    for name in names:
        acts.take_out(name)
        acts.put_in(name)


def _old_parts(swap: str, output: str, plan_digest: str) -> list[str]:
    """The parts that may go: of the manifest, of attempts that we have ended, of this very run.

    The last are what an attempt before has put in, or a run of version 0.1 that died publishing.
    They go here and no earlier, since here it is certain that nobody else is putting them in.
    """
    content = storage.read_if_there(storage.join(output, layout.MANIFEST))
    manifest = content and as_manifest(content)
    names = set(named_parts(manifest) if manifest else [])
    for path, _ in storage.named(swap, "**"):
        below = path.removeprefix(storage.local_path(swap) if storage.is_local(swap) else swap)
        if f"/{layout.ENDED_PREFIX}" in below and path.endswith(f"/{layout.SWAP_RECORD}"):
            names |= {name for name in storage.read_json(path)["parts"] if layout.is_part(name)}
    names |= {layout.last_part(path) for path in left_parts(output, plan_digest, names)}
    return sorted(names)


def _end_others(swap: str, output: str) -> None:
    """Takes other attempts over, in whichever work folder of ours they lie."""
    for work in work_folders(output):
        for other in _swaps(work):
            if layout.last_part(other) != layout.last_part(swap):
                adopt(other, storage.join(swap, layout.ENDED_PREFIX + uuid.uuid4().hex))


def _swaps(work: str) -> list[str]:
    names = [n for n in storage.folders_in(work) if n.startswith(layout.SWAP_PREFIX)]
    return [storage.join(work, name) for name in names]


def _record(swap: str) -> dict[str, Any] | None:
    content = storage.read_if_there(storage.join(swap, layout.SWAP_RECORD))
    return None if content is None else json.loads(content)
