"""A BigQuery table -> another one with labels; never run by us, the tests check its graph.

python examples/bigquery.py --query 'SELECT id, title, description FROM news.articles' \
    --table project:news.labels --model gs://bucket/bundles/agnews-transformer \
    --runner DataflowRunner --project project --region europe-west1 \
    --temp_location gs://bucket/tmp --setup_file ./setup.py
"""

import argparse

import apache_beam as beam
from apache_beam.io.gcp.bigquery import BigQueryDisposition, ReadFromBigQuery, WriteToBigQuery
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline import ClassifyRows

SCHEMA = {
    "fields": [
        {"name": "id", "type": "STRING"},
        {"name": "label", "type": "STRING"},
        {"name": "score", "type": "FLOAT"},
        {"name": "error", "type": "STRING"},
    ]
}


def build(pipeline: beam.Pipeline, query: str, table: str, model: str) -> beam.PCollection:
    """Query -> labels -> table."""
    return (
        pipeline
        | "Read" >> ReadFromBigQuery(query=query, use_standard_sql=True)
        | "Classify" >> ClassifyRows(model)
        | "Columns" >> beam.Map(columns)
        | "Write"
        >> WriteToBigQuery(
            table, schema=SCHEMA, write_disposition=BigQueryDisposition.WRITE_TRUNCATE
        )
    )


def columns(row: dict) -> dict:
    """What the table has of a labelled row."""
    return {field["name"]: row[field["name"]] for field in SCHEMA["fields"]}


def main(arguments: list[str] | None = None) -> None:
    """Runs the pipeline."""
    flags = argparse.ArgumentParser(description=__doc__)
    for name in ("query", "table", "model"):
        flags.add_argument(f"--{name}", required=True)
    options, beam_options = flags.parse_known_args(arguments)
    with beam.Pipeline(options=PipelineOptions(beam_options)) as pipeline:
        build(pipeline, options.query, options.table, options.model)


if __name__ == "__main__":
    main()
