"""The page about one text: its tokens' influence and where the attention heads look, as HTML."""

from pathlib import Path
from typing import Any

import numpy as np

from model.bundle.load import Bundle
from model.inspection.heads import heat_map
from model.tokenizers.vocabularies import read_pieces

SPECIAL_TOKENS = ("[CLS]", "[SEP]")
CELL = 15  # pixels of a token in a large heat map


def explain(saved: Bundle, text: str, label: str | None = None) -> str:
    """The page about one text.

    Args:
        saved: the bundle that labels it.
        text: at least one token.
        label: the label to explain; None is the most probable one.

    Raises:
        ValueError: the text has no tokens, or there is no such label.
    """
    import jinja2
    import pyarrow as pa

    from model.inspection.inside import look_inside
    from model.tokenizers.tokenizer import Tokenizer

    if label is not None and label not in saved.labels:
        raise ValueError(f"no label is called {label!r}: {', '.join(saved.labels)}")
    token_ids, counts = Tokenizer(saved.transform_dir)(pa.array([text]))
    ids = np.asarray(token_ids[0].as_py(), np.int32)
    vocabulary = read_pieces(saved.transform_dir)
    tokens = [vocabulary[i] for i in ids]
    if not [token for token in tokens if token not in SPECIAL_TOKENS]:
        raise ValueError("the text has no words")
    inside = look_inside(
        saved.model,
        saved.network(),
        ids,
        special=np.array([token in SPECIAL_TOKENS for token in tokens]),
        label=None if label is None else saved.labels.index(label),
    )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("explain.html").render(
        **page_content(saved, text, tokens, counts[0].as_py(), inside)
    )


def page_content(
    saved: Bundle, text: str, tokens: list[str], count: int, inside: Any
) -> dict[str, Any]:
    """What the template shows.

    Args:
        saved: the bundle.
        text: as it was given.
        tokens: as the network read them, n.
        count: tokens in the text before the cut.
        inside: what `look_inside` gave.
    """
    by_label = sorted(zip(saved.labels, inside.probabilities, strict=True), key=lambda p: -p[1])
    strongest = max(float(np.abs(inside.influence).max()), 1e-9)
    words = [
        {
            "place": place,
            "text": token.removeprefix("##"),
            "joined": token.startswith("##"),
            "special": token in SPECIAL_TOKENS,
            "influence": float(influence),
            "share": float(influence) / strongest,
        }
        for place, (token, influence) in enumerate(zip(tokens, inside.influence, strict=True), 1)
    ]
    layers = [
        {
            "number": number,
            "heads": [heat_map(matrix, tokens, number, h) for h, matrix in enumerate(layer, 1)],
        }
        for number, layer in enumerate(inside.attention, 1)
    ]
    return {
        "bundle": saved,
        "text": text,
        "label": saved.labels[inside.label],
        "probability": float(inside.probabilities[inside.label]),
        "baseline": inside.baseline,
        "gap": inside.probabilities[inside.label] - inside.baseline - inside.influence.sum(),
        "labels": [(name, float(probability)) for name, probability in by_label],
        "words": words,
        "ranked": sorted(words, key=lambda word: -abs(word["influence"])),
        "tokens": tokens,
        "cut": max(0, count - len(tokens)),
        "cell": CELL,
        "margin": 8 + 7 * min(14, max(map(len, tokens))),
        "layers": layers,
        "average": heat_map(inside.attention.mean(axis=(0, 1)), tokens, 0, 0),
    }
