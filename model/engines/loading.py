"""Loads what a bundle is run with: tokenizer and network, as every command and worker does."""

import os
from collections.abc import Callable
from contextlib import nullcontext, suppress

import pyarrow as pa

from model.bundle.load import Bundle
from model.console.terminal import silent_descriptor
from model.engines.choose import EngineChoice
from model.engines.processor import cores, has_gpu, no_bfloat16
from model.engines.scorer import Engine, EngineError, Scorer

# Strings (none null) -> token ids (list of int32), and each text's tokens before truncation.
Tokenize = Callable[[pa.Array], tuple[pa.ListArray, pa.Array]]


def load_tokenizer(transform_dir: str) -> Tokenize:
    """Loads a bundle's `transform` folder."""
    import_tensorflow()
    from model.tokenizers.tokenizer import Tokenizer

    return Tokenizer(transform_dir)


def load_scorer(bundle: Bundle, choice: EngineChoice) -> Scorer:
    """Loads a bundle's network with its engine and token budget.

    Raises:
        EngineError: bfloat16 was chosen and this processor hasn't got it, or the network fails on
            a text that is all right.
    """
    if choice.precision == "bfloat16" and (reason := no_bfloat16()) is not None:
        raise EngineError(f"{reason}; score with --precision float32")
    scorer = Scorer(load_engine(bundle, choice), choice.batch_tokens, batches_at_once(choice))
    scorer.check_engine()
    return scorer


def load_engine(bundle: Bundle, choice: EngineChoice) -> Engine:
    """Loads a bundle's network into an engine."""
    if choice.name == "openvino":
        from model.engines.openvino_engine import OpenVINOEngine

        return OpenVINOEngine(bundle.saved_model_dir, choice.precision)
    import_tensorflow()
    from model.engines.tensorflow_engine import TensorFlowEngine

    return TensorFlowEngine(bundle.saved_model_dir)


def batches_at_once(choice: EngineChoice) -> int:
    """How many threads should call an engine in this process at a time."""
    if choice.name == "tensorflow" and has_gpu():
        return 2  # one batch is copied to the card while it computes another
    return cores()


def import_tensorflow() -> None:
    """Imports TensorFlow for scoring: with one core a batch, and quietly unless `--verbose`.

    One core a batch and as many batches as cores are a fifth less work than all cores on each.
    """
    is_quiet = os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "3"  # as commands set it
    with silent_descriptor() if is_quiet else nullcontext():
        from model.without_keras import tf
    with suppress(RuntimeError):  # it computes already, for something else than scoring
        tf.config.threading.set_intra_op_parallelism_threads(1)
