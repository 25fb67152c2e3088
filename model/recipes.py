"""How a network is trained, as the field names it."""

import keras


def scratch(network: keras.Model, steps: int, rate: float) -> keras.Model:
    """Everything from random weights: Adam, its rate falling linearly to 0.

    Args:
        network: From token ids to probabilities.
        steps: Batches in the whole training.
        rate: The initial learning rate.

    Returns:
        The network, compiled.
    """
    schedule = keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0)
    network.compile(
        keras.optimizers.Adam(schedule),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return network
