"""Names of tables on a command line."""

import pytest

from pipeline.errors import UsageError
from pipeline.table_names import TableName, is_table, parse_table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("delta:labels", ("delta", "labels", None)),
        ("delta:gs://news/labels@12", ("delta", "gs://news/labels", 12)),
        ("delta:/data/a@b", ("delta", "/data/a@b", None)),
        ("delta:/data/a@1@2", ("delta", "/data/a@1", 2)),
        ("iceberg:lake.news.labels", ("iceberg", "lake.news.labels", None)),
        ("iceberg:lake.news.daily.labels@77", ("iceberg", "lake.news.daily.labels", 77)),
    ],
)
def test_names(text, expected):
    assert parse_table(text) == TableName(*expected)
    assert str(parse_table(text)) == text
    assert is_table(text)


def test_what_an_iceberg_name_is_made_of():
    name = parse_table("iceberg:lake.news.daily.labels@77")
    assert (name.catalog, name.identifier) == ("lake", "news.daily.labels")
    assert name.latest == "iceberg:lake.news.daily.labels"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("labels", "names no table; tables are delta:URI or iceberg:CATALOG.NAMESPACE.TABLE"),
        ("delta", "names no table"),
        ("hudi:labels", "names no table"),
        ("delta:", "the folder or URI of its root is missing"),
        ("delta:/", "the folder or URI of its root is missing"),
        ("iceberg:labels", "it takes CATALOG.NAMESPACE.TABLE"),
        ("iceberg:news.labels", "it takes CATALOG.NAMESPACE.TABLE"),
        ("iceberg:lake..labels", "it takes CATALOG.NAMESPACE.TABLE"),
    ],
)
def test_what_names_no_table_is_refused(text, reason):
    with pytest.raises(UsageError, match=reason):
        parse_table(text)


def test_a_path_is_no_table():
    assert not is_table("news/delta")
    assert not is_table("gs://delta/labels")
