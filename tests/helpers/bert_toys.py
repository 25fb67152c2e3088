"""A toy BERT as Hugging Face lays it out, and BERT once more in NumPy, to compare with."""

import json
import math

import numpy as np
from safetensors.numpy import save_file

from model.tokenizers.vocabularies import SPECIAL

TOY_BERT_WORDS = ["the", "team", "market", "war", "won", "chip", "fell", "new", "##s", ":"]
TOY_BERT_VOCABULARY = [*SPECIAL, *TOY_BERT_WORDS]
TOY_BERT_CONFIG = {
    "model_type": "bert",
    "vocab_size": 15,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
TOY_DISTILBERT_CONFIG = {
    "model_type": "distilbert",
    "vocab_size": 15,
    "dim": 8,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 16,
    "max_position_embeddings": 16,
    "activation": "gelu",
    "dropout": 0.1,
    "pad_token_id": 0,
}
_BLOCK = {
    "bert": [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
        "attention.output.LayerNorm",
        "intermediate.dense",
        "output.dense",
        "output.LayerNorm",
    ],
    "distilbert": [
        "attention.q_lin",
        "attention.k_lin",
        "attention.v_lin",
        "attention.out_lin",
        "sa_layer_norm",
        "ffn.lin1",
        "ffn.lin2",
        "output_layer_norm",
    ],
}
_BLOCKS = {"bert": "encoder.layer", "distilbert": "transformer.layer"}


def toy_tensors(config=TOY_BERT_CONFIG):
    """Random weights from a fixed seed, by the names that Hugging Face gives them."""
    draw = np.random.default_rng(2026)
    kind = config["model_type"]
    width = config.get("hidden_size", config.get("dim"))
    inner = config["intermediate_size"] if kind == "bert" else config["hidden_dim"]

    def matrix(*shape):
        return draw.normal(0, 0.5, shape).astype(np.float32)

    def norm(name):
        return {f"{name}.weight": 1 + 0.2 * matrix(width), f"{name}.bias": matrix(width)}

    def dense(name, inputs, outputs):
        return {f"{name}.weight": matrix(outputs, inputs), f"{name}.bias": matrix(outputs)}

    tensors = {
        "embeddings.word_embeddings.weight": matrix(config["vocab_size"], width),
        "embeddings.position_embeddings.weight": matrix(config["max_position_embeddings"], width),
        **norm("embeddings.LayerNorm"),
    }
    for index in range(2):
        names = [f"{_BLOCKS[kind]}.{index}.{name}" for name in _BLOCK[kind]]
        for name in names[:4]:
            tensors |= dense(name, width, width)
        tensors |= norm(names[4]) | norm(names[7])
        tensors |= dense(names[5], width, inner) | dense(names[6], inner, width)
    if kind == "bert":
        tensors["embeddings.token_type_embeddings.weight"] = matrix(2, width)
        tensors |= dense("pooler.dense", width, width)
    return tensors


def write_bert(folder, config=TOY_BERT_CONFIG, tensors=None):
    """Writes a Hugging Face directory of the toy."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(TOY_BERT_VOCABULARY) + "\n")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    save_file(toy_tensors(config) if tensors is None else tensors, folder / "model.safetensors")
    return folder


def numpy_bert(config, tensors, token_ids):
    """The final hidden states [n, width] of one text [n] without padding, and its pooled output.

    Devlin et al., 2018, in float64, by nothing but NumPy; the pooled output is None in DistilBERT.
    """
    kind = config["model_type"]
    heads = config["num_attention_heads" if kind == "bert" else "n_heads"]
    epsilon = config.get("layer_norm_eps", 1e-12)
    get = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}.__getitem__
    activation = {
        "gelu": np.vectorize(lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2)))),
        "gelu_new": lambda x: 0.5 * x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))),
        "relu": lambda x: np.maximum(x, 0),
    }[config.get("hidden_act", config.get("activation"))]

    def dense(x, name):
        return x @ get(f"{name}.weight").T + get(f"{name}.bias")

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
        return scaled * get(f"{name}.weight") + get(f"{name}.bias")

    x = get("embeddings.word_embeddings.weight")[token_ids]
    x = x + get("embeddings.position_embeddings.weight")[: len(token_ids)]
    if kind == "bert":
        x = x + get("embeddings.token_type_embeddings.weight")[0]
    x = norm(x, "embeddings.LayerNorm")
    for layer in range(config["num_hidden_layers" if kind == "bert" else "n_layers"]):
        names = [f"{_BLOCKS[kind]}.{layer}.{name}" for name in _BLOCK[kind]]
        query, key, value = (
            dense(x, name).reshape(len(x), heads, -1).swapaxes(0, 1) for name in names[:3]
        )
        scores = query @ key.swapaxes(1, 2) / np.sqrt(query.shape[-1])
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        attended = (weights @ value).swapaxes(0, 1).reshape(len(x), -1)
        x = norm(x + dense(attended, names[3]), names[4])
        x = norm(x + dense(activation(dense(x, names[5])), names[6]), names[7])
    return x, np.tanh(dense(x[0], "pooler.dense")) if kind == "bert" else None
