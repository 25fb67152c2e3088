"""A trained network as a SavedModel: written once, computed by engines, and read back into Keras.

    serve(token_ids int32 [batch, length]) -> probabilities float32 [batch, labels]
    compute(token_ids, weights)            the same, with weights that the caller holds
    stored                                 the weights, in the order of `keras.Model.weights`

Weights may be stored in half the bytes, as float16; it is float32 that computes with them. Engines
that fold constants (OpenVINO) widen them once by themselves; TensorFlow would at every batch, hence
`compute`.

Importing this module loads Keras, but not TensorFlow.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from model.networks.registry import serving_function

STORED_IN = "stored_in"  # in a spec: how wide its weights are stored, if not as float32
HALF = "float16"
_KEY = "stored/{}/.ATTRIBUTES/VARIABLE_VALUE"  # of TensorFlow's checkpoints


def write_served(spec: Mapping[str, Any], network: keras.Model, folder: str) -> None:
    """Writes a network on the TensorFlow backend.

    Args:
        spec: the network's; it says how wide weights are stored.
        network: with its weights.
        folder: where to.

    Raises:
        ValueError: A weight is too large for float16.
    """
    import tensorflow as tf

    served: Any = tf.Module()
    served.stored = [
        tf.Variable(_narrowed(np.asarray(weight), spec), trainable=False)
        for weight in network.weights
    ]
    serve = serving_function(spec, network)
    token_ids = tf.TensorSpec([None, None], tf.int32, name="token_ids")
    weights = [tf.TensorSpec(weight.shape, tf.float32) for weight in network.weights]
    served.compute = tf.function(
        lambda token_ids, weights: _with_weights(network, weights, serve, token_ids),
        input_signature=[token_ids, weights],
        autograph=False,  # there is nothing for it to rewrite
    )
    served.serve = tf.function(
        lambda token_ids: served.compute(
            token_ids, [tf.cast(variable, tf.float32) for variable in served.stored]
        ),
        input_signature=[token_ids],
        autograph=False,
    )
    tf.saved_model.save(served, folder, signatures={"serving_default": served.serve})


def read_served(network: keras.Model, folder: str) -> None:
    """Gives a Keras network the weights that `write_served` wrote.

    Raises:
        ValueError: They are those of another network, or TensorFlow isn't there to read them.
    """
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ValueError(f"{folder} can be read where TensorFlow is installed only") from error

    checkpoint = tf.train.load_checkpoint(f"{folder}/variables/variables")
    names = [_KEY.format(place) for place in range(len(network.weights))]
    if not all(map(checkpoint.has_tensor, names)):
        raise ValueError(f"{folder} has not the weights of the network that bundle.json describes")
    network.set_weights([checkpoint.get_tensor(name).astype(np.float32) for name in names])


def _narrowed(weight: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
    if spec.get(STORED_IN) != HALF:
        return weight
    if np.abs(weight).max(initial=0) > np.finfo(np.float16).max:
        raise ValueError(f"a weight of {np.abs(weight).max():.0f} is too large for {HALF}")
    return weight.astype(np.float16)


def _with_weights(
    network: keras.Model, weights: Any, serve: Callable[[Any], Any], token_ids: Any
) -> Any:
    """What a network gives with other weights than its own."""
    mapping = list(zip(network.weights, weights, strict=True))
    with keras.StatelessScope(state_mapping=mapping):
        return serve(token_ids)
