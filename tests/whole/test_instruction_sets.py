"""The same labels on every processor: oneDNN may use no more than an older one has.

Real networks only below AVX512: OpenVINO's own kernels heed no cap, and with a toy's few numbers
the two sorts of kernels together crash.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from model.bundle.load import load_bundle
from model.engines.choose import EngineChoice
from model.engines.loading import load_engine
from model.engines.processor import CPUINFO, no_bfloat16
from places import ROOT

BUNDLE = str(ROOT / "bundles" / "agnews-transformer")
SHAPES = [(1, 1), (1, 64), (3, 7), (170, 48), (32, 256), (256, 32)]  # rows, padded length
PROBABILITIES = """
import sys
import numpy as np
from test_instruction_sets import probabilities

for engine in ("openvino", "tensorflow"):
    np.save(f"{sys.argv[1]}/{engine}.npy", probabilities(engine))
"""


def probabilities(engine: str, precision: str = "float32") -> np.ndarray:
    """What the shipped bundle makes of texts of random words, float32 [718, 4]."""
    run = load_engine(load_bundle(BUNDLE), EngineChoice(engine, precision, 0))
    draw = np.random.default_rng(20261125)
    found = []
    for rows, length in SHAPES:
        token_ids = draw.integers(1, 20_000, (rows, length), np.int32)
        lengths = draw.integers(1, length + 1, (rows, 1))
        found.append(run(np.where(np.arange(length) < lengths, token_ids, 0).astype(np.int32)))
    return np.concatenate(found)


def capped(cap: str) -> dict[str, str]:
    """The environment in which oneDNN knows no more than `cap`."""
    path = f"{ROOT}{os.pathsep}{ROOT / 'tests/helpers'}{os.pathsep}{ROOT / 'tests/whole'}"
    return {**os.environ, "ONEDNN_MAX_CPU_ISA": cap, "PYTHONPATH": path}


@pytest.mark.slow
@pytest.mark.parametrize("cap", ["AVX2", "AVX512_CORE"])
def test_float32_is_the_same_on_all(cap, tmp_path):
    command = [sys.executable, "-c", PROBABILITIES, str(tmp_path)]
    subprocess.run(command, env=capped(cap), check=True)
    here = probabilities("openvino")
    assert set(here.argmax(axis=1)) == {0, 1, 2, 3}
    for there in (
        probabilities("tensorflow"),
        np.load(tmp_path / "openvino.npy"),
        np.load(tmp_path / "tensorflow.npy"),
    ):
        assert np.abs(there - here).max() < 1e-5
        assert (there.argmax(axis=1) == here.argmax(axis=1)).all()


@pytest.mark.skipif(no_bfloat16() is not None, reason=str(no_bfloat16()))
def test_bfloat16_is_something_else():
    exact, rough = probabilities("openvino"), probabilities("openvino", "bfloat16")
    assert 1e-4 < np.abs(rough - exact).max() < 2e-2


@pytest.mark.slow
@pytest.mark.skipif(
    not CPUINFO.is_file() or "avx512f" not in CPUINFO.read_text(),
    reason="this processor has no AVX512 to keep it to",
)
def test_what_is_numerical_holds_without_bfloat16_units():
    command = [sys.executable, "-m", "pytest", "-q", "-m", "numerical", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=ROOT, env=capped("AVX512_CORE"), stdout=subprocess.PIPE, text=True
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_no_product_on_a_card_is_shortened():
    from model.without_keras import tf

    tf.config.experimental.enable_tensor_float_32_execution(True)
    load_engine(load_bundle(BUNDLE), EngineChoice("tensorflow", "float32", 0))
    assert not tf.config.experimental.tensor_float_32_execution_enabled()
