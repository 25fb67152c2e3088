"""How large label sets are, and how often they hold the true label."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Facts = dict[str, Any]


def set_stats(scored: pa.Table) -> Facts:
    """Counts label sets, for `shard_stats`.

    Args:
        scored: rows without errors, with `label_set`, and perhaps with `gold`.

    Returns:
        `sizes`: rows by how many labels their set has; with a `gold` column `known`: rows with a
        true label, and `covered`: those of them whose set holds it.
    """
    sets = scored["label_set"].combine_chunks()
    sizes = pc.list_value_length(sets).to_numpy(False)
    stats: Facts = {
        "sizes": {
            str(size): int(rows)
            for size, rows in zip(*np.unique(sizes, return_counts=True), strict=True)
        }
    }
    if "gold" in scored.column_names:
        gold = scored["gold"].combine_chunks()
        of_row = gold.take(pc.list_parent_indices(sets))
        hits = pc.equal(sets.flatten(), of_row)  # null where there is no true label
        stats["known"] = len(gold) - gold.null_count
        stats["covered"] = pc.sum(hits).as_py() or 0
    return stats
