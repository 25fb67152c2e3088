"""Peer 3, Beam's own idiom: rows from `ReadFromParquet`, `RunInference`, rows to `WriteToParquet`.

As Beam's examples do it: one element a row, batched by `BatchElements` for the tokenizer and again
by `RunInference` for the network, all padded to the bundle's maximum so that they can be stacked.
"""

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.ml.inference.base import (
    KeyedModelHandler,
    ModelHandler,
    PredictionResult,
    RunInference,
)

from benchmarks.peers.keras_padded import padded
from model.bundle.load import Bundle, load_bundle

BATCH = {"min_batch_size": 32, "max_batch_size": 256}


class PaddedModel(ModelHandler[np.ndarray, PredictionResult, Any]):
    """A bundle's SavedModel on padded token ids, each int32 [length]."""

    def __init__(self, saved_model_dir: str):
        self._saved_model_dir = saved_model_dir

    def load_model(self) -> Any:
        import tensorflow as tf

        return tf.saved_model.load(self._saved_model_dir)

    def run_inference(
        self, batch: Sequence[np.ndarray], model: Any, inference_args: Any = None
    ) -> Iterable[PredictionResult]:
        import tensorflow as tf

        probabilities = model.serve(tf.constant(np.stack(batch), tf.int32)).numpy()
        return [PredictionResult(*pair) for pair in zip(batch, probabilities, strict=True)]

    def batch_elements_kwargs(self) -> dict[str, int]:
        return BATCH


class Tokenize(beam.DoFn):
    """Batches of rows -> pairs of id and padded token ids."""

    def __init__(self, transform_dir: str, columns: Sequence[str], max_tokens: int):
        self._transform_dir, self._columns, self._max_tokens = transform_dir, columns, max_tokens

    def setup(self) -> None:
        from model.tokenizers.tokenizer import Tokenizer

        self._tokenize = Tokenizer(self._transform_dir)

    def process(self, rows: list[dict[str, Any]]) -> Iterator[tuple[Any, np.ndarray]]:
        texts = [" ".join(row[name] or "" for name in self._columns) for row in rows]
        token_ids = padded(self._tokenize(pa.array(texts))[0], self._max_tokens)
        for row, ids in zip(rows, token_ids, strict=True):
            yield row["id"], ids


class Label(beam.DoFn):
    """Predictions -> rows of `id`, `label`, `score`."""

    def __init__(self, labels: Sequence[str]):
        self._labels = labels

    def process(self, element: tuple[Any, PredictionResult]) -> Iterator[dict[str, Any]]:
        key, result = element
        probabilities = np.asarray(result.inference)
        best = int(probabilities.argmax())
        yield {"id": key, "label": self._labels[best], "score": float(probabilities[best])}


def build(pipeline: beam.Pipeline, bundle: Bundle, corpus: str, output: str) -> beam.PCollection:
    """The pipeline, as Beam's documentation would have it."""
    schema = pa.schema({"id": pa.int64(), "label": pa.string(), "score": pa.float32()})
    columns = ["id", *bundle.text_columns]
    return (
        pipeline
        | beam.io.ReadFromParquet(corpus, columns=columns)
        | beam.BatchElements(**BATCH)
        | beam.ParDo(Tokenize(bundle.transform_dir, bundle.text_columns, bundle.max_tokens))
        | RunInference(KeyedModelHandler(PaddedModel(bundle.saved_model_dir)))
        | beam.ParDo(Label(bundle.labels))
        | beam.io.WriteToParquet(
            output, schema, codec="zstd", file_name_suffix=".parquet", num_shards=1
        )
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Labels the corpus, all of it; `--output` is the prefix of the file."""
    bundle = load_bundle(options.model)
    runner = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
    is_folder = os.path.isdir(options.input)  # ReadFromParquet takes files and patterns only
    corpus = os.path.join(options.input, "*.parquet") if is_folder else options.input
    with beam.Pipeline(runner=runner) as pipeline:
        build(pipeline, bundle, corpus, options.output)
    return {}
