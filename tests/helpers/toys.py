"""Toy corpus and network that all tests share: ten words, four labels, literal weights."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.corpus.documents import Shard

TOY_LABELS = ["Business", "Sci/Tech", "Sports", "World"]
# In the order of their frequency in TOY_TEXTS, so that their ids are 2 to 9.
TOY_WORDS = ["the", "team", "market", "war", "won", "chip", "fell", "new"]
TOY_TEXTS = [
    ("the team won", "Sports"),
    ("The team won!", "Sports"),
    ("the team: the team", "Sports"),
    ("the market fell", "Business"),
    ("the MARKET fell", "Business"),
    ("the market market", "Business"),
    ("war, war, the war", "World"),
    ("team war market", "World"),
    ("the chip", "Sci/Tech"),
    ("chip chip chip new", "Sci/Tech"),
    ("the team market war won won", "World"),
    ("the team", "Sports"),
]
TOY_MAX_TOKENS = 16
TOY_TOKENIZER = {
    "kind": "words",
    "vocab_size": 10,
    "pad_id": 0,
    "unknown_id": 1,
    "lowercase": True,
}


def toy_shard(texts: list[str | None]) -> Shard:
    """A shard as `ReadDocuments` gives it; None is a row in error."""
    errors = ["no_text: blank" if text is None else None for text in texts]
    columns = {"text": pa.array(texts, pa.string()), "error": pa.array(errors, pa.string())}
    return Shard(pa.table(columns), 0, 0, True, "toys")


def token_ids_of(texts: list[str | None], token_ids: Sequence[list[int]]) -> pa.DictionaryArray:
    """The column that a tokenizer makes of texts, given each row's ids."""
    encoded = pa.array(texts, pa.string()).dictionary_encode()
    ids_of = dict(zip(texts, token_ids, strict=True))
    ids = [ids_of[text] for text in encoded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(ids, pa.list_(pa.int32())))


def add_teachers_rows(
    prepared: str, folder: Path, token_ids: list[list[int]], probabilities: list[list[float]]
) -> str:
    """Copies a `prepared/` folder to another with a teacher's rows behind its own."""
    shutil.copytree(prepared, folder)
    (file,) = folder.glob("examples-*.parquet")
    teachers = pa.table(
        {
            "token_ids": pa.array(token_ids, pa.list_(pa.int32())),
            "label": pa.nulls(len(token_ids), pa.string()),
            "text_hash": pa.array([(1 << 64) - 1] * len(token_ids), pa.uint64()),
            "probabilities": pa.array(probabilities, pa.list_(pa.float32())),
        }
    )
    table = pa.concat_tables([pq.read_table(file), teachers], promote_options="default")
    pq.write_table(table, file)
    return str(folder)


def toy_network(**settings):
    """A transformer of two heads and four units that labels a text by its words.

    Its weights are noise from a fixed seed, but `team` and `won` point to Sports and so on, so that
    the toy texts get all four labels.

    Returns:
        The network and its spec.
    """
    from model.networks.transformer import build_transformer, transformer_spec

    sizes = {"embed": 4, "key_size": 2, "feed_forward": 4, "dense": 4, **settings}
    spec = transformer_spec(10, TOY_MAX_TOKENS, len(TOY_LABELS), **sizes)
    network = build_transformer(spec)
    draw = np.random.default_rng(2026)
    for weight in network.weights:
        noise = draw.normal(0, 0.1, weight.shape)
        weight.assign(1 + noise if weight.name == "gamma" else noise)
    towards = {"team": 2, "market": 0, "war": 3, "won": 2, "chip": 1, "fell": 0, "new": 1}
    words = network.get_layer("embeddings").token_embedding.embeddings
    table = np.array(words)
    for word, label in towards.items():
        table[2 + TOY_WORDS.index(word), label] += 2
    words.assign(table)
    for layer in ("dense", "probabilities"):
        kernel = network.get_layer(layer).kernel
        kernel.assign(np.array(kernel) + 1.5 * np.eye(4))
    return network, spec
