"""What training reads of the folder that `pipeline.prepare` writes, and a bundle takes over."""

import json
import os
from pathlib import Path
from typing import Any

from model.bundle.load import BundleError

PREPARED_FORMAT = 2  # of the folder; 1 had no hashes of the texts


def read_prepared(prepared: str | os.PathLike) -> dict[str, Any]:
    """Reads `prepared.json`.

    Raises:
        BundleError: The folder is not what `pipeline.prepare` writes.
    """
    file = Path(prepared) / "prepared.json"
    if not file.is_file():
        raise BundleError(f"{prepared} is no prepared data: it has no prepared.json")
    try:
        description = json.loads(file.read_bytes())
        if description["format"] > PREPARED_FORMAT:
            raise BundleError(f"{prepared} was written by a newer newsbeam: prepare it again")
        for key in ("labels", "max_tokens", "text_columns", "tokenizer"):
            description[key]
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{file} is damaged: prepare the data again") from error
    return description
