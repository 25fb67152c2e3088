"""How a network is trained, as the field names it.

Each recipe takes a network and gives it back compiled; how long and how fast it is trained unless
told otherwise stands in `DEFAULTS`.
"""

from typing import Any

import keras
from keras import ops


def scratch(network: keras.Model, steps: int, rate: float) -> keras.Model:
    """Everything from random weights: Adam, its rate falling linearly to 0, smoothed labels.

    With few labelled texts a network learns them by heart within three epochs; the dropouts of
    `transformer_spec` are the other half of what keeps it from that. Smoothing is that of
    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016.

    Args:
        network: From token ids to probabilities.
        steps: Batches in the whole training.
        rate: The initial learning rate.

    Returns:
        The network, compiled.
    """
    schedule = keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0)
    return _compiled(network, keras.optimizers.Adam(schedule), smoothed_cross_entropy)


def frozen(head: keras.Model, steps: int, rate: float) -> keras.Model:
    """A new head on the features of a BERT that stays as it is: Adam, falling linearly to 0.

    Args:
        head: From features to probabilities; see `model.training.features`.
        steps: Batches in the whole training.
        rate: The initial learning rate.
    """
    schedule = keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0)
    return _compiled(head, keras.optimizers.Adam(schedule))


def finetune(network: keras.Model, steps: int, rate: float) -> keras.Model:
    """Everything of a pre-trained BERT: AdamW, linear warm-up over a tenth, then linear decay to 0.

    Devlin et al., 2018, appendices A.2 and A.3: weight decay 0.01, none on biases and layer norms,
    gradients clipped to a norm of 1, 3 epochs at 2e-5 to 5e-5.

    Args:
        network: From token ids to probabilities.
        steps: Batches in the whole training.
        rate: The highest learning rate.
    """
    optimizer = keras.optimizers.AdamW(
        WarmUpThenDecay(rate, steps, warm_up=0.1), weight_decay=0.01, global_clipnorm=1.0
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return _compiled(network, optimizer)


class WarmUpThenDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to `rate`, then linear decay to 0 at the last step.

    Keras has the decay; its warm-up comes with the cosine schedule only.
    """

    def __init__(self, rate: float, steps: int, warm_up: float):
        self.rate, self.steps, self.warm_up = rate, steps, warm_up
        self.warm_up_steps = max(1, round(steps * warm_up))
        self._decay = keras.optimizers.schedules.PolynomialDecay(
            rate, max(1, steps - self.warm_up_steps), end_learning_rate=0.0
        )

    def __call__(self, step: Any) -> Any:
        """The rate of a step, from 0."""
        step = ops.cast(step, "float32")
        rising = self.rate * (step + 1) / self.warm_up_steps
        return ops.where(step < self.warm_up_steps, rising, self._decay(step - self.warm_up_steps))

    def get_config(self) -> dict[str, Any]:
        """What rebuilds the schedule."""
        return {"rate": self.rate, "steps": self.steps, "warm_up": self.warm_up}


def smoothed_cross_entropy(labels: Any, probabilities: Any) -> Any:
    """Cross-entropy with a tenth of each label spread over all of them; Keras' sparse one can't.

    Args:
        labels: int [batch].
        probabilities: float [batch, labels].

    Returns:
        float [batch], nats.
    """
    return keras.losses.categorical_crossentropy(
        ops.one_hot(ops.cast(labels, "int32"), probabilities.shape[-1]),
        probabilities,
        label_smoothing=0.1,
    )


def _compiled(
    network: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    loss: Any = "sparse_categorical_crossentropy",
) -> keras.Model:
    network.compile(optimizer, loss=loss, metrics=["accuracy"])
    return network
