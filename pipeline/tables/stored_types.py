"""What the formats make of our types. Their libraries load when they are asked."""

import pyarrow as pa


def in_delta(kind: pa.DataType) -> pa.DataType:
    """The type that comes back from a Delta table for one of ours; raises if there is none."""
    from deltalake import Schema

    schema = Schema.from_arrow(pa.schema([("x", kind)]))
    return pa.schema(schema.to_arrow()).field("x").type


def in_iceberg(kind: pa.DataType) -> pa.DataType:
    """The type that comes back from an Iceberg table for one of ours; raises if there is none."""
    from pyiceberg.io.pyarrow import _pyarrow_to_schema_without_ids, schema_to_pyarrow
    from pyiceberg.schema import assign_fresh_schema_ids

    schema = assign_fresh_schema_ids(_pyarrow_to_schema_without_ids(pa.schema([("x", kind)])))
    return schema_to_pyarrow(schema, include_field_ids=False).field("x").type
