"""Iceberg tables as a whole: their catalogue, opened, and made."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
from pyiceberg.table import TableProperties
from pyiceberg.transforms import DayTransform

from pipeline.errors import UsageError, one_line
from pipeline.table_names import TableName
from pipeline.tables.iceberg_version import WHOLE_BOUNDS, Iceberg
from pipeline.tables.partitions import PartitionColumn
from pipeline.tables.rows import plain_field


def catalog_of(name: TableName) -> Catalog:
    """Opens the catalogue of a table.

    Raises:
        UsageError: if pyiceberg's configuration has none of that name.
    """
    for is_last in (False, True):
        try:
            return load_catalog(name.catalog)
        except Exception as error:  # each kind of catalogue has its own
            # Of two that open a new catalogue of SQLite at a time, one fails to make its tables.
            if is_last:
                raise UsageError(
                    f"the catalogue {name.catalog} of {name} can't be opened: {one_line(error)}; "
                    f"pyiceberg reads .pyiceberg.yaml and "
                    f"PYICEBERG_CATALOG__{name.catalog.upper()}__URI"
                ) from error
    raise AssertionError  # never


def open_iceberg(name: TableName) -> Iceberg | None:
    """Opens the latest version; None if there is no table."""
    try:
        return Iceberg(name, catalog_of(name).load_table(name.identifier))
    except (NoSuchTableError, NoSuchNamespaceError):
        return None


def create_iceberg(name: TableName, schema: pa.Schema, partition_by: Sequence[str]) -> None:
    """Makes a table without rows; somebody else may be faster."""
    catalog = catalog_of(name)
    namespace = name.identifier.rpartition(".")[0]
    if not catalog.namespace_exists(namespace):
        with _unless(lambda: catalog.namespace_exists(namespace)):
            catalog.create_namespace(namespace)
    plain = pa.schema([plain_field(field) for field in schema])
    with (
        _unless(lambda: open_iceberg(name) is not None),
        catalog.create_table_transaction(name.identifier, plain, properties=WHOLE_BOUNDS) as made,
    ):
        with made.update_spec() as update:
            for one in map(PartitionColumn.of, partition_by):
                if one.by_day:
                    update.add_field(one.column, DayTransform(), one.name)
                else:
                    update.add_identity(one.column)
        mapping = made.table_metadata.schema().name_mapping.model_dump_json()
        made.set_properties({TableProperties.DEFAULT_NAME_MAPPING: mapping})


@contextmanager
def _unless(is_there: Callable[[], bool]) -> Iterator[None]:
    """Makes something, unless somebody else was faster: each catalogue says that in its own way."""
    try:
        yield
    except Exception:
        if not is_there():
            raise
