"""Rows drawn at random from a corpus that is read once, by many workers, however long it is.

Every row has a number that looks like chance but follows from the plan and the row's place; those
with the lowest numbers are drawn. So each is as likely as any other, and a draw that is repeated
gives the same rows.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa


class Draw(NamedTuple):
    """Rows that may be drawn, and of how many they are.

    Attributes:
        rows: how many were looked at.
        keys: uint64 [drawn], the rows' numbers.
        texts: string [drawn].
    """

    rows: int
    keys: np.ndarray
    texts: pa.Array


NOTHING = Draw(0, np.zeros(0, np.uint64), pa.array([], pa.string()))


def row_keys(seed: str, source: str, source_rows: np.ndarray) -> np.ndarray:
    """The rows' numbers: uniform over uint64, by SplitMix64 (Steele, Lea and Flood, 2014).

    Args:
        seed: of this draw.
        source: the path of the rows' source.
        source_rows: int64 [rows], their numbers in it.
    """
    digest = hashlib.blake2b(f"{seed}\n{source}".encode(), digest_size=8).digest()
    start = _mixed(np.frombuffer(digest, "<u8").astype(np.uint64))
    return _mixed(start ^ _mixed(source_rows.astype(np.uint64)))


def _mixed(numbers: np.ndarray) -> np.ndarray:
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def draw(table: pa.Table, source: str, seed: str, before: np.ndarray, most: int) -> Draw:
    """What may be drawn of a Table of documents: rows with a text, that is.

    Args:
        table: with `text` and `source_row`.
        source: the path of its source.
        seed: of this draw.
        before: uint64, the lowest numbers of other rows, at most `most`. If there are so many,
            rows of higher numbers come into question no more.
        most: rows to draw of the whole corpus.
    """
    there = np.flatnonzero(table["text"].is_valid().to_numpy())
    keys = row_keys(seed, source, table["source_row"].to_numpy()[there])
    count = len(there)
    if len(before) >= most:
        is_low = keys <= before.max()
        there, keys = there[is_low], keys[is_low]
    texts = table["text"].combine_chunks().take(pa.array(there))
    return lowest([Draw(count, keys, texts)], most)


def lowest(draws: Iterable[Draw], most: int) -> Draw:
    """The rows with the lowest numbers of several draws, in the order of their numbers."""
    every = [NOTHING, *draws]
    keys = np.concatenate([one.keys for one in every])
    first = np.argsort(keys, kind="stable")[:most]
    texts = pa.concat_arrays([one.texts for one in every]).take(pa.array(first))
    return Draw(sum(one.rows for one in every), keys[first], texts)
