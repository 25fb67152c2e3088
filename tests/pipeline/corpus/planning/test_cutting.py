"""How large the ranges are that workers read."""

import pytest

from pipeline.corpus.planning.cutting import ranges_of


@pytest.mark.parametrize(
    ("seconds", "shards", "expected"),
    [
        (0.0, [131_072 + 7], [131_072, 7]),
        # The small transformer's 50 us: eight Tables; in a large row group more of them, since a
        # worker that enters it decodes half of it again.
        (50e-6, [300_000], [131_072, 131_072, 37_856]),
        (50e-6, [1_000_000], [200_000] * 5),
        (50e-6, [100_000] * 2, [100_000, 100_000]),
        # MiniLM's 27 ms: a Table. A BERT-base's 0.4 s: less than that, ten minutes all the same.
        (27e-3, [40_000], [16_384, 16_384, 7_232]),
        (0.4, [4_000], [1_500, 1_500, 1_000]),
        (60.0, [2_000], [1_024, 976]),  # each file costs something, too
    ],
)
def test_items_are_cut_by_what_they_cost(seconds, shards, expected):
    ranges = ranges_of(sum(shards), shards, 16_384, seconds)
    assert [rows for _, rows in ranges] == expected
    assert [start for start, _ in ranges] == [sum(expected[:n]) for n in range(len(expected))]
