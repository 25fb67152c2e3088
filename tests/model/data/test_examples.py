"""Examples: what is read, held out, and learned of each, by literal numbers."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.data.examples import TEACHERS, Examples, read_examples, split, weighted


def examples_of(lengths, labels=None, taught=None) -> Examples:
    """Text i is `lengths[i]` times the id i + 1."""
    values = np.repeat(np.arange(1, len(lengths) + 1), lengths).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    labels = np.zeros(len(lengths), np.int32) if labels is None else np.array(labels, np.int32)
    hashes = np.arange(len(lengths), dtype=np.uint64) << np.uint64(57)  # 128 texts: all of them
    taught = None if taught is None else np.array(taught, np.float32)
    return Examples(values, offsets, labels, hashes, 2, taught)


def test_examples_are_read_in_the_files_order(tmp_path):
    for name, token_ids, labels in [
        ("examples-000001-000000.parquet", [[7]], ["b"]),
        ("examples-000000-000000.parquet", [[5, 6], []], ["a", "b"]),
    ]:
        ids = pa.array(token_ids, pa.list_(pa.int32()))
        hashes = pa.array(range(len(ids)), pa.uint64())
        table = pa.table({"token_ids": ids, "label": labels, "text_hash": hashes})
        pq.write_table(table, tmp_path / name)
    examples = read_examples(tmp_path, ["a", "b"])
    assert examples.values.tolist() == [5, 6, 7]
    assert examples.offsets.tolist() == [0, 2, 2, 3]
    assert examples.labels.tolist() == [0, 1, 1]
    assert examples.hashes.tolist() == [0, 1, 0]
    assert examples.values.dtype == examples.labels.dtype == np.int32


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no examples"):
        read_examples(tmp_path, ["a"])
    table = pa.table({"token_ids": pa.array([[1]], pa.list_(pa.int32())), "label": ["c"]})
    pq.write_table(table, tmp_path / "examples-000000-000000.parquet")
    with pytest.raises(
        ValueError, match="was prepared by an older newsbeam: prepare the data again"
    ):
        read_examples(tmp_path, ["c"])
    table = table.append_column("text_hash", pa.array([7], pa.uint64()))
    pq.write_table(table, tmp_path / "examples-000000-000000.parquet")
    with pytest.raises(ValueError, match=r"labels that prepared\.json lacks"):
        read_examples(tmp_path, ["a"])


def test_take():
    taught = [[0, 0], [0, 0], [0.5, 0.5], [1, 0]]
    examples = examples_of([1, 2, 0, 3], [0, 1, TEACHERS, TEACHERS], taught)
    taken = weighted(examples, False, 3.0).take(np.array([3, 2, 1]))
    assert taken.values.tolist() == [4, 4, 4, 2, 2]
    assert taken.offsets.tolist() == [0, 3, 3, 5]
    assert taken.labels.tolist() == [TEACHERS, TEACHERS, 1]
    assert taken.taught.tolist() == [[1, 0], [0.5, 0.5], [0, 0]]
    assert taken.weights.tolist() == [1, 1, 3]


def test_split_parts_the_examples():
    training, validation, conformal = split(examples_of([1, 2, 1, 1] * 32), 0.25, at_most=3)
    assert len(conformal) == 0  # these hashes are even
    assert validation.values.tolist() == [1, 2, 2, 3]
    assert validation.offsets.tolist() == [0, 1, 3, 4]
    assert len(training) == 125
    assert training.values[:3].tolist() == [4, 5, 6]
    assert [len(part) for part in split(examples_of([1] * 100), 0.0)] == [100, 0, 0]


def test_half_of_what_is_held_out_is_for_label_sets_alone():
    examples = examples_of([1] * 8, [0, 1, TEACHERS, 0, 0, 0, 0, 0], [[0.5, 0.5]] * 8)
    hashes = np.array([3, 4, 5, 6, 7, 1 << 63, 2**64 - 1, 9], np.uint64)
    examples = dataclasses.replace(examples, hashes=hashes)
    parts = split(examples, 0.25)
    assert [(part.values - 1).tolist() for part in parts] == [[5, 6], [1, 3], [0, 4, 7]]
    parts = split(examples, 0.25, at_most=4)
    assert [(part.values - 1).tolist() for part in parts] == [[5, 6, 7], [1, 3], [0, 4]]


def test_so_many_at_most_are_those_of_the_lowest_hashes():
    examples = examples_of([1, 2, 3, 4])
    examples = dataclasses.replace(examples, hashes=np.array([7, 2**64 - 1, 3, 9], np.uint64))
    assert examples.at_most(2).values.tolist() == [3, 3, 3, 1]
    assert examples.at_most(4) is examples


def test_a_teachers_rows_are_read_beside_labels(tmp_path):
    for number, (labels, probabilities) in enumerate(
        [(["b"], [None]), ([None, "a"], [[0.25, 0.75], None])]
    ):
        table = pa.table(
            {
                "token_ids": pa.array([[7]] * len(labels), pa.list_(pa.int32())),
                "label": pa.array(labels, pa.string()),
                "text_hash": pa.array([0] * len(labels), pa.uint64()),
                "probabilities": pa.array(probabilities, pa.list_(pa.float32())),
            }
        )
        pq.write_table(table, tmp_path / f"examples-{number}.parquet")
    examples = read_examples(tmp_path, ["a", "b"])
    assert examples.labels.tolist() == [1, TEACHERS, 0]
    assert examples.taught.tolist() == [[0, 0], [0.25, 0.75], [0, 0]]
    assert examples.is_gold.tolist() == [True, False, True]
    targets = examples.targets(np.array([2, 1, 0]))
    assert targets.dtype == np.float32
    assert targets.tolist() == [[1, 0, 0], [0.25, 0.75, 1], [0, 1, 0]]


def test_a_column_without_any_probabilities_is_no_teacher(tmp_path):
    columns = {"label": ["a"], "text_hash": pa.array([0], pa.uint64())}
    columns["token_ids"] = pa.array([[1]], pa.list_(pa.int32()))
    columns["probabilities"] = pa.array([None], pa.list_(pa.float32()))
    pq.write_table(pa.table(columns), tmp_path / "examples-0.parquet")
    assert read_examples(tmp_path, ["a", "b"]).taught is None


def test_a_teachers_rows_of_texts_held_out_are_learned_by_nobody():
    labels = [0, TEACHERS, 1, TEACHERS] * 32
    examples = examples_of([1] * 128, labels, [[0.5, 0.5]] * 128)
    training, validation, _ = split(examples, 0.0625)
    assert (validation.values - 1).tolist() == [0, 2, 4, 6]
    assert (training.values - 1).tolist() == list(range(8, 128))
    training, validation, _ = split(examples, 0.0625, at_most=2)
    assert (validation.values - 1).tolist() == [0, 2]  # 1 and 3 lie below the third's hash
    assert (training.values - 1).tolist() == list(range(4, 128))


def test_weights():
    labels = [0, 0, 0, 1, TEACHERS]
    examples = examples_of([1] * 5, labels, [[0, 0]] * 4 + [[0.5, 0.5]])
    assert weighted(examples, False, 1.0).weights.tolist() == [1, 1, 1, 1, 1]
    assert weighted(examples, False, 0.5).weights.tolist() == [0.5, 0.5, 0.5, 0.5, 1]
    balanced = weighted(examples, True, 1.0).weights
    np.testing.assert_allclose(balanced, [2 / 3, 2 / 3, 2 / 3, 2, 1], rtol=1e-6)
    assert weighted(examples, True, 3.0).weights[:4].mean() == pytest.approx(3)
