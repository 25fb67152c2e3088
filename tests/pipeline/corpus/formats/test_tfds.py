"""TensorFlow Datasets: a small data set of several shards that the test makes."""

import importlib
import re

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.corpus.formats import tfds as tfds_format
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import Columns, ReadSettings, WorkItem
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


@pytest.mark.parametrize(
    ("split", "numbers", "files"),
    [
        ("train[:25%]", range(3), 1),
        ("train[4:11]", range(4, 11), 3),
        ("train[-3:]", range(9, 12), 2),
        ("train[1shard]", range(5, 10), 1),
        ("train[:2]+train[10:]", [0, 1, 10, 11], 2),
        ("all", range(12), 3),
        ("train[5:5]", [], 0),
    ],
)
def test_a_part_of_a_split_as_tfds_takes_it(data_dir, split, numbers, files):
    reading = ReadSettings(2, tfds_data_dir=data_dir)
    path = f"tfds:toys/{split}"
    plan = make_plan([(path, "tfds")], ["text"], {}, reading=reading)
    found = []
    for item in plan.items:
        stretch = tfds_format.read(path, item.start, item.rows, Columns(("number",)), reading)
        found += [number for part in stretch for number in part.table["number"].to_pylist()]
    assert found == list(numbers)
    assert plan.rows() == len(found)
    assert len(tfds_format.files(path, reading)) == files


def test_a_stretch_may_lie_in_several_files(data_dir):
    reading = ReadSettings(2, tfds_data_dir=data_dir)
    (one, two, three) = tfds_format.read("tfds:toys/all", 3, 8, Columns(("number",)), reading)
    assert [part.table["number"].to_pylist() for part in (one, two, three)] == [
        *([3, 4], [5, 6, 7, 8, 9]),
        [10],
    ]


BUILDER = """
import tensorflow_datasets as tfds

class Weather(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        texts = {"title": tfds.features.Text(), "description": tfds.features.Text()}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(texts))

    def _split_generators(self, dl_manager):
        return {"test": self._generate_examples()}

    def _generate_examples(self):
        for number, title in enumerate(["Rain on Sunday", "Sun on Monday"]):
            yield number, {"title": title, "description": "The team won."}
"""


def test_the_advice_makes_a_data_set_that_is_not_prepared(
    tmp_path, monkeypatch, toy_bundle, capsys
):
    """With a builder that downloads nothing.

    Any builder finds its own code first, for which TFDS imports importlib_resources.
    """
    (tmp_path / "weather").mkdir()
    (tmp_path / "weather" / "__init__.py").write_text("")
    (tmp_path / "weather" / "builder.py").write_text(BUILDER)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("weather.builder")
    arguments = ["--input", "tfds:weather/test[:50%]", "--tfds_data_dir", str(tmp_path / "data")]
    arguments += ["--model", toy_bundle.path, "--output", str(tmp_path / "out")]
    assert run_command(score, arguments) == 2
    advice = re.search(r'python -c "(import tensorflow_datasets.*)"$', capsys.readouterr().err)
    exec(advice[1], {})
    assert run_command(score, arguments) == 0
    published = pq.read_table(tmp_path / "out")
    assert published.num_rows == 1 and published["label"].null_count == 0
    assert published["source"].to_pylist() == ["tfds:weather/test[:50%]"]


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
        ("tfds:toys/test", "the TFDS data set toys has no split test, only: train; and parts"),
        ("tfds:toys/train[ten]", "the TFDS data set toys has no split train[ten], only: train"),
        ("tfds:toys/train[:99]", "the TFDS data set toys has no split train[:99], only: train"),
        ("tfds:toys", "tfds:toys names no split; write tfds:NAME/SPLIT"),
    ],
)
def test_wrong_names(name, message, data_dir, tmp_path, toy_bundle, capsys):
    arguments = ["--input", name, "--tfds_data_dir", data_dir, "--text_columns", "text"]
    arguments += ["--model", toy_bundle.path, "--output", str(tmp_path / "out")]
    assert run_command(score, arguments) == 2
    assert message in capsys.readouterr().err
