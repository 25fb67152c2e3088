"""The table of formats by speed: every format that is read is in it, with the same labels."""

import pyarrow as pa
import pytest
from pyiceberg.utils.config import Config

from benchmarks import formats
from benchmarks.formats_written import CATALOG, write_all
from pipeline.corpus.formats.registry import FORMATS

WORDS = (
    "harbour",
    "council",
    "match",
    "river",
    "market",
    "winter",
    "stadium",
    "vote",
    "jury",
    "sun",
)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    titles = [f"{WORDS[n % 10]} {WORDS[n % 7]} “{n}” & more" for n in range(200)]
    texts = [" ".join(WORDS[(n * k) % 10] for k in range(1, 20)) + "." for n in range(200)]
    rows = pa.table({"title": titles, "description": texts})
    folder = tmp_path_factory.mktemp("formats")
    own = f"PYICEBERG_CATALOG__{CATALOG.upper()}__"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"{own}URI", f"sqlite:///{folder}/iceberg/catalog.db")
        patch.setenv(f"{own}WAREHOUSE", f"{folder}/iceberg")
        # It was read when another test imported the module.
        patch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())
        yield write_all(rows, folder)


def test_every_format_is_there(corpora):
    # An Arrow file has three endings; TFDS data sets are prepared by their own builders.
    kinds = {"arrow" if corpus.format == "feather" else corpus.format for corpus in corpora}
    assert kinds == {*FORMATS, "delta table", "iceberg table"} - {"tfds"}
    assert corpora[0][:2] == ("parquet", "zstd")


def test_every_format_gives_the_same_labels(corpora, fake, play):
    chain = formats.Chain(fake)
    rows = formats.measure(corpora, chain, rounds=1)
    assert [row[:2] for row in rows] == [corpus[:2] for corpus in corpora]
    assert {row.rows for row in rows} == {200}
    # An article is found in a page, and may lack its title.
    assert {row.format for row in rows if row.equal < 1} <= {"warc"}
    assert rows[0].relative == 1
    assert all(row.relative > 0 for row in rows)
    assert formats.as_markdown(rows).count("\n") == len(rows) + 1
    assert formats.cost_of_languages(corpora[0], chain, rounds=1) > 0
