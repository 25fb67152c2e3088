"""Corpora to measure on, made of AG News texts by a seed.

Three kinds, all with the columns `id`, `title`, `description`:

- `news`: rows drawn from the texts, the words of every row shuffled. No text stands twice, so that
  scoring repeats only once wins nothing, and lengths and words are those of AG News.
- `repeats`: the same, but a fifth of the rows are copies of one of the 5,000 rows before them, as
  agencies' texts are in a newswire.
- `long`: articles of 100 to 2,000 words, log-normal around 500, of words drawn from the texts.

A corpus is written in chunks of 131,072 rows, each from a seed of its own, so memory doesn't grow
with it, and a longer `news` begins with the rows of a shorter one.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

CHUNK_ROWS = 131_072
REPEATS = 0.2
REPEATS_WITHIN = 5_000
LEAST_WORDS = 12  # fewer words have too few orders for 5,000,000 rows without a repeat
LONG_WORDS = (100, 2_000)
LONG_MEDIAN, LONG_SIGMA = 500, 0.6
KINDS = ("news", "repeats", "long")


class Words:
    """The words of texts, as numbers.

    Args:
        titles: strings, "" where a text has none.
        descriptions: strings.

    Attributes:
        names: each word once.
        flat: the number of every word of every text, end to end.
        offsets: where each text begins in it and the last one ends.
        title_lengths: how many of a text's words are its title's.
    """

    def __init__(self, titles: pa.Array, descriptions: pa.Array):
        title_words, rest_words = (_split(column) for column in (titles, descriptions))
        lengths = [np.diff(words.offsets.to_numpy()) for words in (title_words, rest_words)]
        kept = np.flatnonzero(lengths[0] + lengths[1] >= LEAST_WORDS)
        if not len(kept):
            raise ValueError(f"no text has {LEAST_WORDS} words")
        self.title_lengths = lengths[0][kept].astype(np.int64)
        both = pa.chunked_array([title_words.flatten(), rest_words.flatten()]).dictionary_encode()
        self.names = both.combine_chunks().dictionary
        numbers = both.combine_chunks().indices.to_numpy()
        starts = np.cumsum(np.concatenate([[0], lengths[0], lengths[1]]))[:-1]
        # A text's words are two stretches of `numbers`: its title, and its description.
        rows = len(lengths[0])
        order = np.column_stack([kept, kept + rows]).ravel()
        counts = np.concatenate(lengths)[order]
        self.flat = numbers[np.repeat(starts[order], counts) + _within(counts)]
        self.offsets = np.concatenate([[0], np.cumsum(counts.reshape(-1, 2).sum(axis=1))])

    @classmethod
    def of_agnews(cls, folder: str | Path) -> "Words":
        """Reads the folder's `train.parquet` and `test.parquet`."""
        parts = [
            pq.read_table(Path(folder) / name, columns=["title", "description"])
            for name in ("train.parquet", "test.parquet")
        ]
        table = pa.concat_tables(parts).combine_chunks()
        return cls(*(pc.fill_null(table[name].combine_chunks(), "") for name in table.column_names))


def chunks(words: Words, kind: str, rows: int, seed: int = 0) -> Iterator[pa.Table]:
    """The rows of a corpus, at most `CHUNK_ROWS` at a time.

    Args:
        words: what texts are made of.
        kind: one of `KINDS`.
        rows: how many.
        seed: the same seed gives the same corpus.

    Yields:
        Tables with `id` (int64, from 0), `title` and `description` (string).
    """
    make = _long if kind == "long" else _shuffled
    for number, start in enumerate(range(0, rows, CHUNK_ROWS)):
        draw = np.random.default_rng([seed, KINDS.index(kind), number])
        count = min(CHUNK_ROWS, rows - start)
        # A whole chunk is drawn and then cut, so that a longer corpus begins like a shorter one.
        titles, descriptions = make(words, draw, CHUNK_ROWS if kind == "news" else count)
        if kind == "repeats":
            source = pa.array(_with_repeats(draw, count))
            titles, descriptions = titles.take(source), descriptions.take(source)
        yield pa.table(
            {
                "id": np.arange(start, start + count),
                "title": titles.slice(0, count),
                "description": descriptions.slice(0, count),
            }
        )


def write_corpus(
    words: Words, kind: str, rows: int, output: Path, files: int = 1, seed: int = 0
) -> None:
    """Writes a corpus beside its place and renames it into it.

    Args:
        words: what texts are made of.
        kind: one of `KINDS`.
        rows: how many.
        output: the Parquet file, or with several files their folder.
        files: how many; each has its share of every chunk.
        seed: the same seed gives the same corpus.
    """
    beside = output.with_name(f".{output.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    schema = pa.schema({"id": pa.int64(), "title": pa.string(), "description": pa.string()})
    with ExitStack() as stack:
        names = [beside / f"{number:03d}.parquet" for number in range(files)]
        writers = [pq.ParquetWriter(name, schema, compression="zstd") for name in names]
        for writer in writers:
            stack.enter_context(writer)
        for table in chunks(words, kind, rows, seed):
            ends = [table.num_rows * number // files for number in range(files + 1)]
            for writer, start, end in zip(writers, ends, ends[1:], strict=False):
                writer.write_table(table.slice(start, end - start).cast(schema))
    if files > 1:
        beside.replace(output)
    else:
        names[0].replace(output)
        beside.rmdir()


def _split(column: pa.Array) -> pa.ListArray:
    """Words, an empty text having none."""
    words = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(column))
    is_word = pc.not_equal(words.flatten(), "").to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(is_word)])[words.offsets.to_numpy()]
    return pa.ListArray.from_arrays(
        pa.array(ends.astype(np.int32)), words.flatten().filter(pa.array(is_word))
    )


def _within(counts: np.ndarray) -> np.ndarray:
    """0, 1, 2, ... anew for each count."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _shuffled(words: Words, draw: np.random.Generator, rows: int) -> tuple[pa.Array, pa.Array]:
    texts = draw.integers(0, len(words.title_lengths), rows)
    lengths = np.diff(words.offsets)[texts]
    numbers = words.flat[np.repeat(words.offsets[texts], lengths) + _within(lengths)]
    # One sort shuffles all rows: by the row in the upper half of a key, by chance in the lower.
    keys = np.repeat(np.arange(rows, dtype=np.uint64), lengths) << np.uint64(32)
    keys |= draw.integers(0, 1 << 32, keys.size, np.uint64)
    return _join(words, numbers[np.argsort(keys)], lengths, words.title_lengths[texts])


def _long(words: Words, draw: np.random.Generator, rows: int) -> tuple[pa.Array, pa.Array]:
    lengths = draw.lognormal(np.log(LONG_MEDIAN), LONG_SIGMA, rows).round().astype(np.int64)
    lengths = np.clip(lengths, *LONG_WORDS)
    numbers = draw.choice(words.flat, int(lengths.sum()))
    return _join(words, numbers, lengths, np.full(rows, 10))


def _with_repeats(draw: np.random.Generator, rows: int) -> np.ndarray:
    """For each row the row whose text it has: itself, or one not far before it."""
    source = np.arange(rows)
    for row in np.flatnonzero(draw.random(rows) < REPEATS).tolist():
        if row:
            source[row] = source[row - 1 - draw.integers(0, min(row, REPEATS_WITHIN))]
    return source


def _join(
    words: Words, numbers: np.ndarray, lengths: np.ndarray, title_lengths: np.ndarray
) -> tuple[pa.Array, pa.Array]:
    """Texts of words that lie end to end, as titles and descriptions."""
    pieces = np.column_stack([title_lengths, lengths - title_lengths]).ravel()
    offsets = np.concatenate([[0], np.cumsum(pieces)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), words.names.take(pa.array(numbers)))
    texts = pc.binary_join(lists, " ")
    even = pa.array(np.arange(0, len(texts), 2))
    return texts.take(even), texts.take(pc.add(even, 1))
