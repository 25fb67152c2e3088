"""A model handler by which Beam's own RunInference runs a bundle.

Its TensorFlow handlers cannot load what Keras 3 exports (beam#30616); a bundle's SavedModel needs
no Keras. Where there is a choice, `ClassifyRows` does more: it groups texts by length and blames a
single row if the model fails.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apache_beam.ml.inference.base import ModelHandler, PredictionResult

from pipeline.embedding.labeller import ANSWERS, Labeller, Question


class BundleModelHandler(ModelHandler[str, PredictionResult, Labeller]):
    """Texts -> `PredictionResult`s, whose `inference` has what `ClassifyRows` adds to a row.

    Args:
        model: the bundle, in a folder that workers reach.
        min_batch_size: texts that RunInference gathers, at the least.
        max_batch_size: and at the most.
        engine: `auto`, `openvino` or `tensorflow`.
        precision: `float32` or `bfloat16`.
    """

    def __init__(
        self,
        model: str,
        *,
        min_batch_size: int = 64,
        max_batch_size: int = 4096,
        engine: str = "auto",
        precision: str = "float32",
    ):
        super().__init__(min_batch_size=min_batch_size, max_batch_size=max_batch_size)
        self._question = Question(model, ("text",), engine=engine, precision=precision)

    def load_model(self) -> Labeller:
        """Loads the bundle; RunInference does so once a process."""
        return Labeller(self._question)

    def run_inference(
        self, batch: Sequence[str], model: Labeller, inference_args: dict[str, Any] | None = None
    ) -> Iterable[PredictionResult]:
        """Labels texts.

        Args:
            batch: the texts.
            model: what `load_model` gave.
            inference_args: none are taken.

        Raises:
            ValueError: if there are some.
        """
        if inference_args:
            raise ValueError(f"a bundle takes no inference_args, such as {min(inference_args)}")
        answers = model([{"text": text} for text in batch])
        for text, found in zip(batch, answers, strict=True):
            yield PredictionResult(text, {name: found[name] for name in ANSWERS}, self.name)

    @property
    def name(self) -> str:
        """What results call the model."""
        return self._question.model.rstrip("/").rsplit("/", 1)[-1]

    def get_num_bytes(self, batch: Sequence[str]) -> int:
        """The bytes of a batch's text, about."""
        return sum(map(len, batch))

    def get_metrics_namespace(self) -> str:
        """Under which name RunInference counts."""
        return "newsbeam"

    def validate_inference_args(self, inference_args: Mapping[str, Any] | None) -> None:
        """Refuses what `run_inference` would."""
        if inference_args:
            raise ValueError("a bundle takes no inference_args")
