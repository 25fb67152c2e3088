"""TensorFlow without Keras, for scoring, which needs none: `from model.without_keras import tf`.

TensorFlow imports Keras 3, and that half of SciPy, unless a variable says that Keras 2 will do:
2 s a process. `import keras` stays Keras 3 in any case, so training may follow.
"""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the ops that a WordPiece graph is made of

__all__ = ["tf"]
