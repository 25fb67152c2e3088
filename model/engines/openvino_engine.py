"""OpenVINO: the fastest on CPUs. It reads the bundle's SavedModel as it is.

Each batch is one core's, and as many batches are under way as there are cores: batches are small
enough for a core's cache, and cores that work on one batch together wait for each other.
"""
# ruff: noqa: E402

import sys
import threading

import numpy as np

# With this package, every import is reported to Google Analytics, by a process forked for it.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino
from openvino import properties
from openvino.properties import hint

from model.engines.processor import cores

# OpenVINO 2026.4 waits for ever if two threads at once are the first to copy an array. Modules are
# imported by one thread.
openvino.Tensor(np.zeros(1, np.int32))

_PRECISIONS = {"float32": openvino.Type.f32, "bfloat16": openvino.Type.bf16}


class OpenVINOEngine:
    """The bundle's SavedModel as OpenVINO runs it.

    Args:
        saved_model_dir: the bundle's `saved_model` folder.
        precision: `float32` or `bfloat16`, for matrix products.
    """

    def __init__(self, saved_model_dir: str, precision: str = "float32"):
        core = openvino.Core()
        network = core.read_model(saved_model_dir)
        settings = {
            hint.inference_precision: _PRECISIONS[precision],
            properties.num_streams: cores(),
            properties.inference_num_threads: cores(),
        }
        self._compiled = core.compile_model(network, "CPU", settings)
        self._own = threading.local()  # a request serves one thread at a time

    def __call__(self, token_ids: np.ndarray) -> np.ndarray:
        """Token ids (int32 [batch, length], 0 pads) -> probabilities (float32 [batch, labels])."""
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        self._own.request.infer([token_ids])
        return np.array(self._own.request.get_output_tensor().data, np.float32)
