"""Tables of both formats as tests see them: read by two readers, and written to by others."""

import shutil
from contextlib import suppress
from pathlib import Path

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table
from pyiceberg.utils.config import Config

from pipeline.tables import delta, iceberg
from pipeline.tables.delta_version import Delta
from pipeline.tables.iceberg_version import Iceberg
from toy_runs import rows_of

NAMES = ("source", "source_row", "id", "label")


class DeltaLake:
    """A Delta table in a test's folder."""

    commits = (  # what changes a table, and who calls it
        (Delta, "commit"),
        (Delta, "add_columns"),
        (delta, "create_delta"),
    )
    version_class = Delta

    def __init__(self, place: Path, monkeypatch):
        self.root = place / "table"
        self.name = f"delta:{self.root}"

    def arrow(self) -> pa.Table:
        return DeltaTable(self.root).to_pyarrow_table()

    def rows(self):
        rows = rows_of(self.arrow())
        assert rows_of(pl.read_delta(str(self.root)).to_arrow()) == rows
        return rows

    def commits_so_far(self) -> int:
        return DeltaTable(self.root).version()

    def before(self, steps: int):
        version = DeltaTable(self.root).version() - steps
        return rows_of(DeltaTable(self.root, version=version).to_pyarrow_table())

    def compact(self) -> None:
        DeltaTable(self.root).optimize.compact()

    def append(self, *rows) -> None:
        table = pa.table({name: [row[n] for row in rows] for n, name in enumerate(NAMES)})
        write_deltalake(self.root, table, mode="append", schema_mode="merge")

    def make(self, schema: pa.Schema) -> None:
        DeltaTable.create(self.root, schema)

    def drop(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def delete(self, identity: str) -> None:
        DeltaTable(self.root).delete(f"id = '{identity}'")


class IcebergLake:
    """An Iceberg table of a SQLite catalogue in a test's folder."""

    commits = (
        (Iceberg, "commit"),
        (Iceberg, "add_columns"),
        (iceberg, "create_iceberg"),
        (SqlCatalog, "commit_table"),
    )
    version_class = Iceberg

    def __init__(self, place: Path, monkeypatch):
        self.name = "iceberg:lake.news.labels"
        self.root = place / "table"
        self.root.mkdir()
        monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__TYPE", "sql")
        monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"sqlite:///{place}/catalog.db")
        monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__WAREHOUSE", f"file://{self.root}")
        monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())  # read when it is imported

    def table(self) -> Table:
        return load_catalog("lake").load_table("news.labels")

    def arrow(self) -> pa.Table:
        return self.table().scan().to_arrow()

    def rows(self):
        rows = rows_of(self.arrow())
        connection = self.table().scan().to_duckdb("labels")
        found = connection.execute(f"SELECT {', '.join(NAMES)} FROM labels").fetchall()
        assert sorted(found) == rows
        return rows

    def commits_so_far(self) -> int:
        return len(self.table().metadata.snapshots)

    def before(self, steps: int):
        log = self.table().history()
        return rows_of(self.table().scan(snapshot_id=log[-1 - steps].snapshot_id).to_arrow())

    def compact(self) -> None:
        self.table().overwrite(self.arrow())

    def append(self, *rows) -> None:
        table = pa.table({name: [row[n] for row in rows] for n, name in enumerate(NAMES)})
        self.table().append(table)

    def make(self, schema: pa.Schema) -> None:
        load_catalog("lake").create_namespace("news")
        load_catalog("lake").create_table("news.labels", schema)

    def drop(self) -> None:
        with suppress(NoSuchTableError):
            load_catalog("lake").drop_table("news.labels")

    def delete(self, identity: str) -> None:
        self.table().delete(f"id == '{identity}'")


LAKES = {"delta": DeltaLake, "iceberg": IcebergLake}
