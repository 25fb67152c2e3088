"""TensorFlow: runs everywhere, on CPUs and GPUs, in float32."""

import numpy as np

from model.without_keras import tf


class TensorFlowEngine:
    """The bundle's SavedModel as TensorFlow runs it.

    Args:
        saved_model_dir: the bundle's `saved_model` folder.
    """

    def __init__(self, saved_model_dir: str):
        # Else products on a card keep ten bits of what they multiply, and labels are others.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        self._module = tf.saved_model.load(saved_model_dir)
        self._serve = self._module.serve
        stored = getattr(self._module, "stored", ())
        if any(weight.dtype != tf.float32 for weight in stored):
            weights = [tf.cast(weight, tf.float32) for weight in stored]  # once, not every batch
            self._serve = tf.function(
                lambda token_ids: self._module.compute(token_ids, weights),
                input_signature=[tf.TensorSpec([None, None], tf.int32)],
                autograph=False,
            )

    def __call__(self, token_ids: np.ndarray) -> np.ndarray:
        """Token ids (int32 [batch, length], 0 pads) -> probabilities (float32 [batch, labels])."""
        return self._serve(tf.constant(token_ids, tf.int32)).numpy()
