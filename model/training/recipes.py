"""How a network is trained, as the field names it.

Each recipe takes a network and gives it back compiled; how long and how fast it is trained unless
otherwise given stands in `DEFAULTS`.
"""

from typing import Any

import keras
from keras import ops


def scratch(network: keras.Model, steps: int, rate: float, temperature: float = 1.0) -> keras.Model:
    """Everything from random weights: Adam, its rate falling linearly to 0, smoothed labels.

    With few labelled texts a network learns them by heart within three epochs; the dropouts of
    `transformer_spec` are the other half of what keeps it from that. Smoothing is that of
    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016.

    Args:
        network: From token ids to probabilities.
        steps: Batches in the whole training.
        rate: The initial learning rate.
        temperature: As `Loss` has it.

    Returns:
        The network, compiled.
    """
    schedule = keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0)
    return _compiled(network, keras.optimizers.Adam(schedule), Loss(temperature, smoothing=0.1))


def frozen(head: keras.Model, steps: int, rate: float, temperature: float = 1.0) -> keras.Model:
    """A new head on the features of a BERT that stays as it is: Adam, falling linearly to 0.

    Args:
        head: From features to probabilities; see `model.data.features`.
        steps: Batches in the whole training.
        rate: The initial learning rate.
        temperature: As `Loss` has it.
    """
    schedule = keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0)
    return _compiled(head, keras.optimizers.Adam(schedule), Loss(temperature))


def finetune(
    network: keras.Model, steps: int, rate: float, temperature: float = 1.0
) -> keras.Model:
    """Everything of a pre-trained BERT: AdamW, linear warm-up over a tenth, then linear decay to 0.

    Devlin et al., 2018, appendices A.2 and A.3: weight decay 0.01, none on biases and layer norms,
    gradients clipped to a norm of 1, 3 epochs at 2e-5 to 5e-5.

    Args:
        network: From token ids to probabilities.
        steps: Batches in the whole training.
        rate: The highest learning rate.
        temperature: As `Loss` has it.
    """
    optimizer = keras.optimizers.AdamW(
        WarmUpThenDecay(rate, steps, warm_up=0.1), weight_decay=0.01, global_clipnorm=1.0
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return _compiled(network, optimizer, Loss(temperature))


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


class Loss(keras.losses.Loss):
    """Cross-entropy with what is known of each row: its label, or a teacher's probabilities.

    A teacher's row is learned at a temperature, as Hinton, Vinyals and Dean have it, "Distilling
    the Knowledge in a Neural Network", 2015: both distributions are softened by it, so that what
    the teacher thinks of the wrong labels counts, and the loss is multiplied by its square, so that
    gradients stay as large. At a temperature of 1 it is the plain cross-entropy.

    Args:
        temperature: Above 0.
        smoothing: The share of a true label that is spread over all labels.
    """

    def __init__(self, temperature: float = 1.0, smoothing: float = 0.0):
        super().__init__(name="loss")
        self._temperature = temperature
        self._smoothing = smoothing

    def call(self, targets: Any, probabilities: Any) -> Any:
        """The loss of each row, in nats.

        Args:
            targets: float [batch, labels + 1], as `Examples.targets` gives them.
            probabilities: float [batch, labels].

        Returns:
            float [batch].
        """
        known, is_teachers = targets[:, :-1], targets[:, -1]
        predicted = _log(probabilities)
        smoothed = known * (1 - self._smoothing) + self._smoothing / known.shape[-1]
        of_label = -ops.sum(smoothed * predicted, axis=-1)
        softened = ops.softmax(_log(known) / self._temperature)
        soft = ops.log_softmax(predicted / self._temperature)
        of_teacher = -ops.sum(softened * soft, axis=-1) * self._temperature**2
        return ops.where(is_teachers > 0, of_teacher, of_label)


def accuracy(targets: Any, probabilities: Any) -> Any:
    """Where the most probable label is the one to learn, float [batch]; arguments as `Loss`."""
    wanted = ops.argmax(targets[:, :-1], axis=-1)
    return ops.cast(ops.equal(ops.argmax(probabilities, axis=-1), wanted), "float32")


def _log(probabilities: Any) -> Any:
    return ops.log(ops.maximum(ops.cast(probabilities, "float32"), 1e-30))


def _compiled(
    network: keras.Model, optimizer: keras.optimizers.Optimizer, loss: Loss
) -> keras.Model:
    network.compile(optimizer, loss=loss, metrics=[accuracy])
    return network
