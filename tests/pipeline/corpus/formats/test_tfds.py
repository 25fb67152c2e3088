"""TensorFlow Datasets: a small data set of several shards that the test makes."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.corpus.formats import tfds as tfds_format
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings, WorkItem
from pipeline.launcher.command import run_command
from pipeline.score import score

TEXTS = [f"the team {number}" for number in range(12)]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> str:
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.dataset_info import DatasetIdentity

    folder = tmp_path_factory.mktemp("tfds")
    data = folder / "toys" / "1.0.0"
    data.mkdir(parents=True)
    features = {
        "text": tfds.features.Text(),
        "kind": tfds.features.ClassLabel(names=["even", "odd"]),
        "number": np.int32,
        "vector": tfds.features.Tensor(shape=(2,), dtype=np.float32),
    }
    info = tfds.core.DatasetInfo(
        builder=DatasetIdentity("toys", tfds.core.Version("1.0.0"), str(data), __name__),
        features=tfds.features.FeaturesDict(features),
    )
    writer = tfds.core.SequentialWriter(info, max_examples_per_shard=5)
    writer.initialize_splits(["train"])
    rows = [
        {"text": text, "kind": number % 2, "number": number, "vector": [0.0, 1.0]}
        for number, text in enumerate(TEXTS)
    ]
    writer.add_examples({"train": rows})
    writer.close_all()
    return str(folder)


def test_a_shard_is_a_work_item(data_dir):
    reading = ReadSettings(4, tfds_data_dir=data_dir)
    plan = make_plan([("tfds:toys/train", "tfds")], ["text"], {}, reading=reading)
    assert plan.items == [WorkItem(0, 0, 0, 5), WorkItem(1, 0, 5, 5), WorkItem(2, 0, 10, 2)]
    assert tfds_format.inspect("tfds:toys/train", reading).schema.names == [
        "kind",
        "number",
        "text",
    ]


def test_rows_keep_their_order_and_class_labels_their_names(data_dir, tmp_path, toy_bundle):
    arguments = [
        "--input",
        "tfds:toys/train",
        "--tfds_data_dir",
        data_dir,
        "--text_columns",
        "text",
    ]
    arguments += ["--model", toy_bundle.path, "--output", str(tmp_path / "out")]
    carried = ["--id_column", "number", "--carry_columns", "text:words,kind", "--limit", "11"]
    assert score([*arguments, *carried]) == 0
    published = pq.read_table(tmp_path / "out")
    assert published["id"].to_pylist() == published["source_row"].to_pylist() == list(range(11))
    assert published["words"].to_pylist() == TEXTS[:11]
    assert published["kind"].to_pylist()[:3] == ["even", "odd", "even"]
    assert published["source"].unique().to_pylist() == ["tfds:toys/train"]
    assert published["error"].null_count == 11


@pytest.mark.parametrize(
    "name, message",
    [
        ("tfds:nothing/train", "there is no TFDS data set nothing in"),
        ("tfds:toys/test", "the TFDS data set toys has no split test, only: train"),
        ("tfds:toys", "tfds:toys names no split; write tfds:NAME/SPLIT"),
    ],
)
def test_wrong_names(name, message, data_dir, tmp_path, toy_bundle, capsys):
    arguments = ["--input", name, "--tfds_data_dir", data_dir, "--text_columns", "text"]
    arguments += ["--model", toy_bundle.path, "--output", str(tmp_path / "out")]
    assert run_command(score, arguments) == 2
    assert message in capsys.readouterr().err
