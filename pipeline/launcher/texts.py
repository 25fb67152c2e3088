"""What is asked for that is about texts: their languages, and those that are too long."""

import argparse
from typing import Any

from model.bundle.load import Bundle
from model.engines.windows import check_stride
from model.tokenizers.pieces import ADDED_TOKENS
from pipeline.corpus.languages import known_languages
from pipeline.errors import UsageError


def texts_of(options: argparse.Namespace, bundles: list[Bundle]) -> dict[str, Any]:
    """What is asked for, under the options' names.

    Nothing is said of what isn't asked for: plans and series of versions that didn't know it are
    the same.

    Raises:
        UsageError: if something doesn't fit.
    """
    languages = wanted_languages(options)
    asked: dict[str, Any] = {"languages": languages} if languages else {}
    stride = options.window_stride
    if options.long_texts == "truncate":
        if stride is not None:
            raise UsageError("--window_stride goes with --long_texts windows")
        return asked
    for bundle in bundles if stride is not None else []:
        added = ADDED_TOKENS.get(bundle.tokenizer["kind"], 0)
        try:
            check_stride(stride, bundle.max_tokens, added)
        except ValueError as error:
            raise UsageError(f"--window_stride: {bundle.name}: {error}") from error
    return {**asked, "long_texts": "windows"} | ({"window_stride": stride} if stride else {})


def wanted_languages(options: argparse.Namespace) -> list[str]:
    """The codes of the languages to score, sorted; none for all.

    Raises:
        UsageError: if one is none that is known.
    """
    wanted = sorted(set(options.languages or ()))
    known = known_languages() if wanted else set()
    for code in wanted:
        if code not in known:
            raise UsageError(f"--languages {code}: there is no such language code; en is English")
    return wanted
