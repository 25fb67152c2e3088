"""Delta and Iceberg tables as inputs: a snapshot is Parquet files, and how the table sees each."""
