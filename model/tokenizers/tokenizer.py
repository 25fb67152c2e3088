"""Runs the tf.Transform graph of a bundle on Arrow strings, without tf.Transform or Beam."""

import os

import numpy as np
import pyarrow as pa

from model.without_keras import tf


class Tokenizer:
    """The frozen transform, as a function on Arrow arrays.

    Args:
        transform_dir: The ``transform/`` folder of a bundle or of ``prepared/``.
    """

    def __init__(self, transform_dir: str | os.PathLike):
        self._module = tf.saved_model.load(os.path.join(transform_dir, "transform_fn"))
        # Not `serving_default`, which renames the inputs.
        self._transform = tf.function(
            self._run, input_signature=[tf.TensorSpec([None], tf.string, name="text")]
        )

    def _run(self, text):
        outputs = self._module.transform_fn({"text": text})
        token_ids = outputs["token_ids"]
        return (
            tf.cast(token_ids.flat_values, tf.int32),
            tf.cast(token_ids.row_splits, tf.int32),
            tf.cast(outputs["tokens"], tf.int32),
        )

    def __call__(self, texts: pa.Array | pa.ChunkedArray) -> tuple[pa.ListArray, pa.Array]:
        """Tokenizes texts.

        Args:
            texts: Strings, none of them null.

        Returns:
            The token ids, cut at ``max_tokens`` (list of int32), and the number of tokens of each
            text before the cut (int32).
        """
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.combine_chunks()
        # As bytes: TensorFlow would encode each str itself.
        encoded = texts.cast(pa.large_binary()).to_numpy(zero_copy_only=False)
        values, splits, tokens = self._transform(tf.constant(encoded, tf.string))
        token_ids = pa.ListArray.from_arrays(
            pa.array(np.asarray(splits)), pa.array(np.asarray(values))
        )
        return token_ids, pa.array(np.asarray(tokens))
