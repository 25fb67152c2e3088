"""Rows of a scored Table that get other answers than those they have."""

import numpy as np
import pyarrow as pa


def replace_rows(table: pa.Table, rows: pa.Array, answers: pa.Table, names: list[str]) -> pa.Table:
    """Puts answers in the place of some rows' values.

    Args:
        table: with the columns of `names`.
        rows: the numbers of the rows to change, int64.
        answers: one row for each of these, with the columns of `names`.
        names: the columns to change.
    """
    # Each row's place in both tables, one below the other.
    place = np.arange(table.num_rows)
    place[rows.to_numpy()] = table.num_rows + np.arange(len(rows))
    both = pa.concat_tables([table.select(names), answers.select(names)])
    changed = both.unify_dictionaries().combine_chunks().take(pa.array(place))
    for name in names:
        table = table.set_column(table.schema.get_field_index(name), name, changed[name])
    return table
