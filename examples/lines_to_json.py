"""Lines of text -> JSON with labels, in a Beam pipeline of one's own.

python examples/lines_to_json.py --input 'news/*.txt' --output labels/news \
    --model bundles/agnews-transformer

Beam's own options (`--runner`, ...) are taken as well.
"""

import argparse
import json

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline import ClassifyRows


def main(arguments: list[str] | None = None) -> None:
    """Runs the pipeline."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--input", required=True)
    flags.add_argument("--output", required=True)
    flags.add_argument("--model", required=True)
    options, beam_options = flags.parse_known_args(arguments)
    with beam.Pipeline(options=PipelineOptions(beam_options)) as pipeline:
        _ = (
            pipeline
            | "Read" >> beam.io.ReadFromText(options.input)
            | "AsRow" >> beam.Map(as_row)
            | "Classify" >> ClassifyRows(options.model, text_columns=["text"])
            | "AsJson" >> beam.Map(json.dumps)
            | "Write" >> beam.io.WriteToText(options.output, file_name_suffix=".jsonl")
        )


def as_row(line: str) -> dict[str, str]:
    """A line as a row of one field."""
    return {"text": line}


if __name__ == "__main__":
    main()
