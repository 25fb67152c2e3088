"""Which versions of which packages have made something."""

import importlib.metadata
from collections.abc import Sequence

RECORDED_VERSIONS = ("keras", "keras-hub", "tensorflow", "tensorflow-transform", "jax", "newsbeam")


def installed_versions(distributions: Sequence[str]) -> dict[str, str]:
    """Versions of those of the distributions that are installed."""
    versions = {}
    for distribution in distributions:
        try:
            versions[distribution] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
