"""Which engine, precision and token budget a plan gets."""

import pytest

from model.engines import choose
from model.engines.choose import EngineChoice, choose_engine


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Sets what the machine seems to have; without a word OpenVINO and nothing else."""

    def has(openvino=True, gpu=False):
        monkeypatch.setattr(
            choose.importlib.util, "find_spec", lambda name: object() if openvino else None
        )
        monkeypatch.setattr(choose, "has_gpu", lambda: gpu)

    has()
    return has


def test_a_processor_gets_openvino_and_a_wider_network_smaller_batches(machine):
    assert choose_engine("transformer") == EngineChoice("openvino", "float32", 8192)
    assert choose_engine("bert") == EngineChoice("openvino", "float32", 1024)
    assert choose_engine("bert", "tensorflow") == EngineChoice("tensorflow", "float32", 1024)


def test_a_card_gets_tensorflow_and_large_batches_wherever_it_is_planned(machine):
    on_card = EngineChoice("tensorflow", "float32", 16384)
    assert choose_engine("bert", on_gpu=True) == on_card
    machine(gpu=True)
    assert choose_engine("bert") == choose_engine("transformer") == on_card
    assert choose_engine("bert", "openvino") == EngineChoice("openvino", "float32", 1024)


def test_without_openvino_tensorflow_and_whoever_names_it_reads_so(machine):
    machine(openvino=False)
    assert choose_engine("transformer") == EngineChoice("tensorflow", "float32", 16384)
    with pytest.raises(ValueError, match="OpenVINO is not installed"):
        choose_engine("transformer", "openvino")


def test_a_budget_that_was_asked_for_is_taken():
    assert choose_engine("bert", batch_tokens=100).batch_tokens == 100


def test_bfloat16_is_openvinos_and_only_for_whoever_asks(machine):
    asked = EngineChoice("openvino", "bfloat16", 1024)
    assert choose_engine("bert", precision="bfloat16") == asked
    assert choose_engine("bert", "openvino", on_gpu=True, precision="bfloat16") == asked
    refused = "^TensorFlow scores in float32 only; bfloat16 needs --engine openvino$"
    with pytest.raises(ValueError, match=refused):
        choose_engine("bert", "tensorflow", precision="bfloat16")
    with pytest.raises(ValueError, match=refused):
        choose_engine("bert", on_gpu=True, precision="bfloat16")
    machine(openvino=False)
    with pytest.raises(ValueError, match=refused):
        choose_engine("bert", precision="bfloat16")
