"""Beam: reads a corpus, tokenizes and scores it with a bundle, writes labelled Parquet."""

from typing import Any


def __getattr__(name: str) -> Any:
    """`pipeline.ClassifyRows` and `pipeline.BundleModelHandler`, which load Beam when asked for."""
    if name == "ClassifyRows":
        from pipeline.embedding.classify_rows import ClassifyRows

        return ClassifyRows
    if name == "BundleModelHandler":
        from pipeline.embedding.model_handler import BundleModelHandler

        return BundleModelHandler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
