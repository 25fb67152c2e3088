"""The estimate by which work is cut."""

import pytest

from model.engines.cost import row_seconds
from model.networks.bert import bert_spec
from model.networks.transformer import transformer_spec

MINILM = {"num_layers": 6, "hidden_dim": 384, "intermediate_dim": 1536}
BASE = {"num_layers": 12, "hidden_dim": 768, "intermediate_dim": 3072}


@pytest.mark.parametrize(
    ("sizes", "weights"),
    [(MINILM, 6 * (4 * 384**2 + 2 * 384 * 1536)), (BASE, 12 * (4 * 768**2 + 2 * 768 * 3072))],
)
def test_a_bert_costs_two_operations_for_each_weight_and_token(sizes, weights):
    spec = bert_spec("bert", **sizes)
    assert row_seconds(spec, 128, False) == pytest.approx(2 * weights * 128 / 50e9)
    assert row_seconds(spec, 512, False) == row_seconds(spec, 128, False)
    assert row_seconds(spec, 64, False) == row_seconds(spec, 128, False) / 2
    assert row_seconds(spec, 128, True) == row_seconds(spec, 128, False) / 100


def test_the_small_transformer_costs_next_to_nothing():
    assert 0 < row_seconds(transformer_spec(20_000, 256, 4), 256, False) < 1e-4
    assert row_seconds({"kind": "fake"}, 256, False) == 0
