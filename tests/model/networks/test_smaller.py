"""A smaller backbone: what is left of it computes what it computed before."""

import keras
import numpy as np
import pytest

from bert_toys import TOY_BERT_CONFIG, TOY_DISTILBERT_CONFIG, numpy_bert, toy_tensors, write_bert
from model.networks import bert
from model.networks.smaller import smaller_backbone
from model.training.hugging_face import load_backbone

ROWS = [0, 1, 2, 3, 9, 5, 13]  # the old ids of the new ones


@pytest.mark.parametrize("config", [TOY_BERT_CONFIG, TOY_DISTILBERT_CONFIG])
def test_fewer_layers_pieces_and_positions_against_numpy(tmp_path, config):
    spec, backbone = load_backbone(str(write_bert(tmp_path / "toy", config)), "mean")
    spec, small = smaller_backbone(spec, backbone, layers=1, rows=ROWS, positions=6)
    assert (spec["num_layers"], spec["vocabulary_size"], spec["max_sequence_length"]) == (1, 7, 6)
    outputs = bert.run_backbone(small, keras.ops.convert_to_tensor([[2, 4, 5, 6, 3]]))
    outputs = outputs["sequence_output"] if isinstance(outputs, dict) else outputs
    layers = "num_hidden_layers" if config["model_type"] == "bert" else "n_layers"
    expected, _ = numpy_bert({**config, layers: 1}, toy_tensors(config), [2, 9, 5, 13, 3])
    np.testing.assert_allclose(np.asarray(outputs)[0], expected, atol=1e-5)
    width = 8
    saved = backbone.count_params() - small.count_params()
    one_layer = 4 * (width * width + width) + 2 * width * 16 + 16 + width + 4 * width
    assert saved == one_layer + (15 - 7 + 16 - 6) * width


def test_what_is_not_cut_stays(toy_bert):
    spec, backbone = load_backbone(str(toy_bert))
    same_spec, same = smaller_backbone(spec, backbone, layers=2)
    assert same_spec == spec
    for one, other in zip(same.get_weights(), backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
