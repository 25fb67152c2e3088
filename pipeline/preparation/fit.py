"""Fits a tokenizer to a corpus with tf.Transform."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_transform.beam as tft_beam
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

from model.tokenizers import wordpiece
from model.tokenizers.preprocessing import preprocessing_fn
from pipeline import storage
from pipeline.corpus.documents import Shard

# String columns reach tf.Transform as lists only.
RAW_SCHEMA = pa.schema([("text", pa.list_(pa.binary()))])
TEXT_TENSOR = 'dense_tensor { column_name: "text" shape {} default_value { bytes_value: "" } }'


class FitTokenizer(beam.PTransform):
    """Shards of documents -> the path of a tf.Transform graph that was fitted to them.

    Args:
        tokenizer: What `prepared.json` calls `tokenizer`: its `kind` and settings.
        max_tokens: Ids of a text that are kept.
        output: The `transform/` folder to write.
        temp_dir: A folder that all workers reach, for what tf.Transform writes on the way.
        vocabulary: The pieces of a WordPiece tokenizer, by their ids.
    """

    def __init__(
        self,
        tokenizer: Mapping[str, Any],
        max_tokens: int,
        output: str,
        temp_dir: str,
        vocabulary: Sequence[str] = (),
    ):
        super().__init__()
        self._function = preprocessing_fn(tokenizer, max_tokens, vocabulary)
        self._output = output
        self._temp_dir = temp_dir

    def expand(self, shards):
        """PCollection of shards with `text` and `error` -> PCollection of one path."""
        return _fit(shards, self._function, self._output, self._temp_dir)


class CountWords(beam.PTransform):
    """Shards of documents -> the path of a graph whose asset `word_counts` has the corpus' words.

    The first half of learning a WordPiece vocabulary; `read_counts` reads what it wrote.

    Args:
        tokenizer: How texts are cleaned: `lowercase` and `strip_accents`.
        output: The folder to write.
        temp_dir: As `FitTokenizer` has it.
    """

    def __init__(self, tokenizer: Mapping[str, Any], output: str, temp_dir: str):
        super().__init__()
        self._function = functools.partial(
            wordpiece.count_words,
            lowercase=tokenizer["lowercase"],
            strip_accents=tokenizer["strip_accents"],
        )
        self._output = output
        self._temp_dir = temp_dir

    def expand(self, shards):
        """PCollection of shards with `text` and `error` -> PCollection of one path."""
        return _fit(shards, self._function, self._output, self._temp_dir)


def read_counts(folder: str) -> list[tuple[str, int]]:
    """The words that `CountWords` wrote, and how often the corpus has them."""
    with storage.open_input(storage.join(folder, "transform_fn/assets/word_counts")) as stream:
        lines = stream.read().decode().split("\n")
    pairs = [line.partition(" ") for line in lines if line]
    return [(word, int(count)) for count, _, word in pairs]


def _fit(shards, function, output: str, temp_dir: str):
    batches = shards | "Texts" >> beam.FlatMap(raw_batches)
    representation = text_format.Parse(TEXT_TENSOR, schema_pb2.TensorRepresentation())
    raw = TensorAdapterConfig(RAW_SCHEMA, {"text": representation})
    with tft_beam.Context(temp_dir=temp_dir):
        transform = (batches, raw) | "Analyze" >> tft_beam.AnalyzeDataset(function)
    return transform | "WriteTransform" >> tft_beam.WriteTransformFn(output)


def raw_batches(shard: Shard) -> list[pa.RecordBatch]:
    """The texts of a shard's good rows, as tf.Transform wants them.

    Args:
        shard: Its Table has the columns `text` (string) and `error` (null where the row is good).

    Returns:
        RecordBatches of `RAW_SCHEMA`.
    """
    table = shard.table
    texts = table.filter(pc.is_null(table["error"]))["text"].cast(pa.binary()).combine_chunks()
    if not len(texts):
        return []
    lists = pa.ListArray.from_arrays(pa.array(range(len(texts) + 1), pa.int32()), texts)
    return [pa.record_batch([lists], schema=RAW_SCHEMA)]
